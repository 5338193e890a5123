import { askProcess } from '../../processes/ask-process.ts';
import type { Device } from '../../runtime/device.ts';
import { appVersion } from '../../version.ts';
import type { JobDraft } from '../request/job-draft.ts';

const needsWorker = new URL('./needs-worker.ts', import.meta.url);

/** What a job needs of whoever works on it. */
export interface Needs {
  readonly device: Device | 'auto';
  /** Of its model. */
  readonly family: string;
  /** Of the training process, on the device that it trains on. */
  readonly memoryBytes: number;
}

/** What a worker has. */
export interface Abilities {
  readonly device: Device;
  /** Null where it is not known, so that it is up to the job to fail. */
  readonly memoryBytes: number | null;
}

/** Memory, in GB, by which jobs are told apart: what cards have. */
const classes = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 80] as const;

/** What was found out of jobs: many have the same model and settings. */
const known = new Map<string, Promise<Omit<Needs, 'device'>>>();
const MAX_KNOWN = 1000;

/**
 * What a job needs, by its model and its settings.
 *
 * @throws AppError `checkpoint.*`, `model.unsupported`
 */
export async function needsOf(draft: JobDraft): Promise<Needs> {
  const { model, vae, embeddings, device } = draft;
  // The seed and the words make no difference.
  const key = JSON.stringify({ model, vae, embeddings, device, ...draft.settings, seed: 0 });
  let asking = known.get(key);
  if (!asking) {
    if (known.size >= MAX_KNOWN) known.clear();
    asking = askProcess(needsWorker, draft, {
      purpose: 'finding out what the job needs',
    }) as Promise<Omit<Needs, 'device'>>;
    known.set(key, asking);
    asking.catch(() => known.delete(key));
  }
  return { device, ...(await asking) };
}

/**
 * The queue of all jobs with the same needs: BullMQ has none within which a worker can choose. The version is
 * part of it, as a worker of another one could not go on with the job.
 */
export function laneOf({ device, family, memoryBytes }: Needs): string {
  const gigabytes =
    classes.find((size) => memoryBytes <= size * 1e9) ?? Math.ceil(memoryBytes / 1e9);
  return [appVersion, device, family, gigabytes].join('_');
}

/** Whether a worker can do what waits in a queue. */
export function canWork(lane: string, has: Abilities): boolean {
  const [version, device = '', , gigabytes] = lane.split('_');
  if (version !== appVersion || !['auto', has.device].includes(device)) return false;
  return has.memoryBytes === null || Number(gigabytes) * 1e9 <= has.memoryBytes;
}

/** The queues in the order in which a worker looks: what needs most memory first, which others may not have. */
export function inOrder(lanes: readonly string[]): string[] {
  const gigabytes = (lane: string) => Number(lane.split('_').at(-1));
  return [...lanes].sort((a, b) => gigabytes(b) - gigabytes(a) || a.localeCompare(b, 'en'));
}
