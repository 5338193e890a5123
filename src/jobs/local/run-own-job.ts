import { asAppError } from '../../errors.ts';
import { JobProgress } from '../job-progress.ts';
import { abandonedStatus, actionOf } from '../job-status.ts';
import { StatusKeeper } from '../status-keeper.ts';
import type { JobFolder } from './job-folder.ts';
import { type RunFolderControl, runJobFolder } from './run-job.ts';
import { StoredFolder } from './stored-folder.ts';

/**
 * Runs a job that this process works on alone, as the command line does, from wherever it stands, and
 * keeps its status.
 *
 * @throws AppError as `runJobFolder`
 */
export async function runOwnJob(folder: JobFolder, control: RunFolderControl): Promise<void> {
  const status = await takeOver(folder);
  await status.advance('train', { interruption: null });
  try {
    await runJobFolder(folder, {
      ...control,
      onEvent: (event) => {
        const action = actionOf(event);
        // Where it cannot be written, the job's events tell.
        if (action) status.advance(action).catch(() => undefined);
        control.onEvent(event);
      },
    });
  } catch (error) {
    const { code } = asAppError(error);
    // Another process was faster: the status is that one's.
    if (code !== 'job.wrong-state') {
      const action = code === 'job.cancelled' ? 'cancel' : 'fail';
      await status.advance(action, { queuedAt: null }).catch(() => undefined);
    }
    throw error;
  }
  await status.advance('finish', { queuedAt: null }).catch(() => undefined);
}

/** The status of a job that nobody works on. */
async function takeOver(folder: JobFolder): Promise<StatusKeeper> {
  const stored = new StoredFolder(folder.path);
  const progress = new JobProgress();
  for (const event of await stored.readEvents()) progress.apply(event);
  const status = abandonedStatus(await stored.readStatus(), progress.outcome);
  return new StatusKeeper(stored, status);
}
