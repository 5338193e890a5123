import { askProcess } from '../../processes/ask-process.ts';
import type { Device } from '../../runtime/device.ts';
import { appVersion } from '../../version.ts';
import type { JobDraft } from '../request/job-draft.ts';
import type { Input } from './inputs.ts';

const costWorker = new URL('./cost-worker.ts', import.meta.url);

/** What a job needs of whoever works on it. */
export interface Needs {
  readonly device: Device | 'auto';
  /** Of its model. */
  readonly family: string;
  /** Of the training process, on the device that it trains on. */
  readonly memoryBytes: number;
  /** Tells one model from another: what the SHA-256 of its weights begins with. */
  readonly model: string;
}

/** What a worker has. */
export interface Abilities {
  readonly device: Device;
  /** Null where it is not known, so that it is up to the job to fail. */
  readonly memoryBytes: number | null;
}

/** Of a hash, to tell models apart. */
const MODEL_DIGITS = 12;

/** Memory, in GB, by which jobs are told apart: what cards have. */
const classes = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 80] as const;

/** What is found out by building the graph of a job. */
export type Cost = Pick<Needs, 'family' | 'memoryBytes'>;

/** What was found out of jobs: many have the same model and settings. */
const known = new Map<string, Promise<Cost>>();
const MAX_KNOWN = 1000;

/**
 * What a job takes, by its model and its settings.
 *
 * @throws AppError `checkpoint.*`, `model.unsupported`
 */
export async function costOf(draft: JobDraft): Promise<Cost> {
  const { model, vae, embeddings, device } = draft;
  // The seed and the words make no difference.
  const key = JSON.stringify({ model, vae, embeddings, device, ...draft.settings, seed: 0 });
  let asking = known.get(key);
  if (!asking) {
    if (known.size >= MAX_KNOWN) known.clear();
    asking = askProcess(costWorker, draft, {
      purpose: 'finding out what the job needs',
    }) as Promise<Cost>;
    known.set(key, asking);
    asking.catch(() => known.delete(key));
  }
  return asking;
}

/**
 * What the hash of a model's largest file begins with: so a worker knows it among the files that it keeps.
 *
 * @param inputs what a job brings along, its model first
 */
export function nameOfModel([model]: readonly Input[]): string {
  const [largest] = Object.values(model?.files ?? {}).sort((a, b) => b.bytes - a.bytes);
  if (!largest) throw new Error('a job brings along no model');
  return largest.sha256.slice(0, MODEL_DIGITS);
}

/**
 * The queue of all jobs with the same needs: BullMQ has none within which a worker can choose. The version is
 * part of it, as a worker of another one could not go on with the job.
 */
export function laneOf({ device, family, memoryBytes, model }: Needs): string {
  const gigabytes =
    classes.find((size) => memoryBytes <= size * 1e9) ?? Math.ceil(memoryBytes / 1e9);
  return [appVersion, device, family, gigabytes, model].join('_');
}

/** The model of the jobs of a queue, as `Needs` has it. */
const modelOf = (lane: string) => lane.split('_')[4] ?? '';

/** Whether a worker can do what waits in a queue. */
export function canWork(lane: string, has: Abilities): boolean {
  const [version, device = '', , gigabytes] = lane.split('_');
  if (version !== appVersion || !['auto', has.device].includes(device)) return false;
  return has.memoryBytes === null || Number(gigabytes) * 1e9 <= has.memoryBytes;
}

/** A queue as it stands. */
export interface LaneState {
  readonly lane: string;
  /** Jobs that wait, */
  readonly waiting: number;
  /** and those that are worked on. */
  readonly active: number;
  /** When the first that waits began to, in ms since 1970; null where none waits. */
  readonly since: number | null;
}

/** So long a queue may wait for a worker that has its model already. */
const PATIENCE_MS = 10 * 60_000;

/**
 * The queues in the order in which a worker looks: those that have waited too long, the longest first; then
 * those whose model it has, which it need not fetch; and what needs most memory first, which others may not have.
 *
 * @param has whether this worker has a model, as `Needs` tells it
 * @param now in ms since 1970
 */
export function inOrder<T extends Pick<LaneState, 'lane' | 'since'>>(
  lanes: readonly T[],
  { has, now }: { has: (model: string) => boolean; now: number },
): T[] {
  const lateSince = ({ since }: T) => (since !== null && now - since > PATIENCE_MS ? since : now);
  const missing = ({ lane }: T) => (has(modelOf(lane)) ? 0 : 1);
  const gigabytes = ({ lane }: T) => Number(lane.split('_')[3]);
  return [...lanes].sort(
    (a, b) =>
      lateSince(a) - lateSince(b) ||
      missing(a) - missing(b) ||
      gigabytes(b) - gigabytes(a) ||
      a.lane.localeCompare(b.lane, 'en'),
  );
}
