import path from 'node:path';

import { pathExists } from '../../checkpoint/output-path.ts';
import { AppError } from '../../errors.ts';
import { completeJob } from '../request/complete-job.ts';
import type { PrepareEnvironment } from '../request/draft-job.ts';
import { readDraft } from '../request/job-draft.ts';
import { jobPathOf, openJobFolder, writeJob } from './job-folder.ts';
import { requireResumable } from './run-job.ts';

/**
 * Makes what was asked for the job of its folder, or makes sure that a job that was prepared can go on.
 * Both read all of the model.
 *
 * @throws AppError `job.damaged` for a folder that holds neither; as `completeJob`, `requireResumable`
 */
export async function prepareFolder(
  folder: string,
  environment: Pick<PrepareEnvironment, 'dataFolder' | 'chooseDevice'>,
): Promise<void> {
  if (await pathExists(jobPathOf(folder))) {
    await requireResumable(await openJobFolder(folder));
    return;
  }
  const draft = await readDraft(folder);
  const id = path.basename(folder);
  if (!draft) {
    throw new AppError('job.damaged', `job ${id} has lost its request. Start the erasure again.`);
  }
  await writeJob(folder, id, await completeJob(draft, environment));
}
