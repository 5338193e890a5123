import { readConfig } from './config.ts';
import { AppError } from './errors.ts';
import type { EraseEvent } from './erase/events.ts';
import { outputsOf } from './erase/outputs.ts';
import { FolderRepository } from './jobs/local/folder-repository.ts';
import { requireJobsFolder } from './jobs/local/job-folder.ts';
import { runOwnJob } from './jobs/local/run-own-job.ts';
import type { EraseRequest } from './jobs/request/draft-job.ts';
import { prepareJob } from './jobs/request/prepare-job.ts';
import { presetFolders } from './presets/load-presets.ts';
import { chooseDevice } from './runtime/probe-device.ts';

export { AppError } from './errors.ts';
export type { EraseEvent } from './erase/events.ts';
export type { EraseRequest } from './jobs/request/draft-job.ts';
export { type Checkpoint, openCheckpoint } from './families/checkpoint.ts';

/**
 * What is to be erased, by the names and with the defaults of the command `erase`: what to forget must
 * be said by prompts, pictures or a preset.
 */
export interface EraseOptions extends Partial<Omit<EraseRequest, Internal>> {
  /** A `.safetensors` file or a diffusers folder; it is only read. */
  readonly model: string;
  /** Where jobs are kept. Default: the user's data folder, as of the command line. */
  readonly dataFolder?: string | undefined;
  /** Told of all that happens: phases, steps with their losses, pictures, the evaluation. */
  readonly onEvent?: (event: EraseEvent) => void;
  /** Aborted, it ends with `job.cancelled` once the state is saved; the command `resume` goes on. */
  readonly signal?: AbortSignal;
}

/** What only a sidecar says of a request. */
type Internal = 'model' | 'hostDrawing' | 'pictureSizes' | 'pictures' | 'isWatched' | 'vaeIfNone';

/** What an erasure has made. */
export interface Erased {
  readonly job: string;
  /** The job's folder, with its report. */
  readonly folder: string;
  /** The scrubbed model; null where only a LoRA was wanted. */
  readonly checkpoint: string | null;
  readonly lora: string | null;
}

/**
 * Erases a concept from a checkpoint, as the command `erase` does, with the same defaults. The training
 * runs in a process of its own.
 *
 * @throws AppError whose `code` and message say what is wrong with the request, before any work; as it
 *   comes, `device.*`, `output.*`, `training.*`, `job.cancelled`
 */
export async function erase({
  dataFolder = readConfig().dataFolder ?? undefined,
  onEvent = () => undefined,
  signal = never,
  ...request
}: EraseOptions): Promise<Erased> {
  if (dataFolder === undefined) {
    throw new AppError(
      'usage.invalid',
      'this user has no home folder to keep jobs in: give one as dataFolder, or set ERASE_CONCEPT_DATA.',
    );
  }
  await requireJobsFolder(dataFolder);
  const environment = { dataFolder, presetFolders: presetFolders(dataFolder), chooseDevice };
  const { draft, job } = await prepareJob({ ...nothingSaid, ...request }, environment);
  signal.throwIfAborted();
  const folder = await new FolderRepository(dataFolder).addPrepared(draft, job);
  await runOwnJob(folder, { onEvent, cancel: signal, kill: never });
  const { checkpoint, lora } = outputsOf(folder.job);
  return { job: folder.job.id, folder: folder.path, checkpoint, lora };
}

/** To be ended at once, without its state, a run need not be asked. */
const never = new AbortController().signal;

const nothingSaid: Omit<EraseRequest, 'model'> = {
  ...{ preset: undefined, variables: {}, concept: undefined, anchor: undefined },
  ...{ forget: [], forgetImages: undefined, retain: [], retainImages: undefined },
  ...{ settings: {}, threads: undefined, output: undefined },
  device: 'auto',
};
