import path from 'node:path';

import { pathExists } from '../../checkpoint/output-path.ts';
import { AppError } from '../../errors.ts';
import { answerQuestion } from '../../processes/ask-process.ts';
import { chooseDevice } from '../../runtime/probe-device.ts';
import { readDraft } from './job-draft.ts';
import { openJobFolder, writeJob } from '../local/job-folder.ts';
import { completeJob } from './complete-job.ts';
import { requireResumable } from '../local/run-job.ts';

/** What the process that makes a job ready to run is asked. */
export interface PrepareQuestion {
  /** The job's. */
  readonly folder: string;
  readonly dataFolder: string;
}

// The program of that process: it turns `request.yaml` into `job.yaml`, or makes sure that a job
// that has one can go on. Both read all of the model.
answerQuestion(async (question) => {
  const { folder, dataFolder } = question as PrepareQuestion;
  if (await pathExists(path.join(folder, 'job.yaml'))) {
    await requireResumable(await openJobFolder(folder));
    return;
  }
  const draft = await readDraft(folder);
  const id = path.basename(folder);
  if (!draft) {
    throw new AppError('job.damaged', `job ${id} has lost its request. Start the erasure again.`);
  }
  await writeJob(folder, id, await completeJob(draft, { dataFolder, chooseDevice }));
});
