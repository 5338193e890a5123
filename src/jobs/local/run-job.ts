import { requireCompanions, requireSameCompanions } from '../../erase/companions.ts';
import { isResultOf } from '../../erase/result.ts';
import { AppError, asAppError, type ErrorCode } from '../../errors.ts';
import { hashCheckpoint } from '../../families/checkpoint-hash.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { claimOutput } from './claim-output.ts';
import { describeError } from '../describe-error.ts';
import { type JobFolder } from './job-folder.ts';
import { requireUnlocked } from './job-lock.ts';
import { runTraining, type TrainingControl } from './training-process.ts';

/** How the run of a job's folder is steered and heard. */
export interface RunFolderControl extends TrainingControl {
  /** The command that goes on with it, for those who work with commands. */
  readonly resumeCommand?: string;
}

/**
 * Runs a job in a process of its own, which keeps its events in the job's folder, and adds the error
 * that ends it to them.
 *
 * @throws AppError as `claimOutput` and `runTraining`; one of a job that can go on says how
 */
export async function runJobFolder(folder: JobFolder, control: RunFolderControl): Promise<void> {
  await folder.mendEvents();
  try {
    const { notice, release } = await claimOutput(folder);
    try {
      if (notice !== null) {
        control.onEvent(folder.appendEvent({ event: 'notice', message: notice }));
      }
      await runTraining(folder.path, control);
    } finally {
      await release();
    }
  } catch (cause) {
    const error = withWayOn(asAppError(cause), folder, control);
    // Not an event of this job: another process is writing them.
    if (error.code !== 'job.wrong-state') recordError(folder, error);
    throw error;
  }
}

function recordError(folder: JobFolder, error: AppError): void {
  try {
    folder.appendEvent(describeError(error).event);
  } catch {
    // A full disk may not take it; it is thrown all the same.
  }
}

const resumableErrors: readonly ErrorCode[] = [
  'device.crashed',
  'device.out-of-memory',
  'output.no-space',
];

/** An error after which the job can go on, with the command that does it; any other as it is. */
function withWayOn(
  cause: AppError,
  { job }: JobFolder,
  { cancel, kill, resumeCommand }: RunFolderControl,
): AppError {
  if (cause.code === 'job.cancelled') {
    const isSaved = cancel.aborted && !kill.aborted;
    const what = isSaved
      ? 'was cancelled; its state is saved'
      : 'was ended; its state is that of the last save';
    return new AppError(cause.code, `job ${job.id} ${what}.${hint('Go on')}`, { cause });
  }
  if (!resumableErrors.includes(cause.code)) return cause;
  return new AppError(cause.code, `${cause.message}${hint('Resume it')}`, { remedy: cause.remedy });

  function hint(what: string): string {
    return resumeCommand === undefined ? '' : ` ${what} with: ${resumeCommand}`;
  }
}

/**
 * Refuses to go on with a job that is running or done, or whose original model is not what it was;
 * reads all of that model.
 *
 * @throws AppError as `requireUnfinished`; `job.wrong-state`
 */
export async function requireResumable(folder: JobFolder): Promise<void> {
  await requireUnfinished(folder);
  const { id, model } = folder.job;
  if ((await hashCheckpoint(model.path)) !== model.sha256) {
    throw new AppError(
      'job.wrong-state',
      `"${model.path}" is not the file that job ${id} began with: its SHA-256 differs. Put that one back, or start a new erasure.`,
    );
  }
  await requireSameCompanions(id, folder.job);
}

/**
 * What can be told at once of whether a job can go on.
 *
 * @throws AppError `job.wrong-state` of a job that is running or done; `checkpoint.not-found`,
 *   `output.exists`
 */
export async function requireUnfinished(folder: JobFolder): Promise<void> {
  const { id, model, output, outputIsGiven } = folder.job;
  await requireUnlocked(folder.path);
  const events = await folder.readEvents();
  const done = events.findLast(({ event }) => event === 'done');
  if (done) {
    throw new AppError(
      'job.wrong-state',
      `job ${id} is done: its model is "${output}". Start a new erasure instead.`,
    );
  }
  // Another name is found for one that nobody chose.
  if (outputIsGiven && (await pathExists(output)) && !(await isResultOf(folder.job))) {
    throw new AppError(
      'output.exists',
      `"${output}" exists already and is not overwritten. Move it away, then resume the job.`,
    );
  }
  if (!(await pathExists(model.path))) {
    throw new AppError(
      'checkpoint.not-found',
      `checkpoint "${model.path}" of job ${id} does not exist any more. Put it back, then resume the job.`,
    );
  }
  await requireCompanions(id, folder.job);
}
