import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { askProcess } from '../../processes/ask-process.ts';
import type { BackendOptions, RunControl, Runner } from '../ports.ts';
import { jobsFolderOf, openJobFolder } from './job-folder.ts';
import { findJobRunner, requireUnlocked } from './job-lock.ts';
import type { PrepareQuestion } from './prepare-worker.ts';
import { requireUnfinished, runJobFolder } from './run-job.ts';

const reportWorker = new URL('./report-worker.ts', import.meta.url);
const prepareWorker = new URL('./prepare-worker.ts', import.meta.url);

/** How often a job whose training process outlived its server is looked at. */
const UNLOCK_POLL_MS = 500;

/** Runs jobs of a data folder in child processes of this one. */
export class ProcessRunner implements Runner {
  private readonly options: BackendOptions;

  constructor(options: BackendOptions) {
    this.options = options;
  }

  async prepare(id: string, signal: AbortSignal): Promise<void> {
    const folder = this.folderOf(id);
    await whenFree(folder, signal);
    const question: PrepareQuestion = { folder, dataFolder: this.options.dataFolder };
    // As long as reading the model takes.
    await askProcess(prepareWorker, question, { purpose: 'preparing the job', signal });
  }

  async run(id: string, control: RunControl): Promise<void> {
    const { trainingWorker } = this.options;
    await runJobFolder(await openJobFolder(this.folderOf(id)), {
      ...control,
      ...(trainingWorker && { worker: trainingWorker }),
    });
  }

  async report(id: string, signal: AbortSignal): Promise<void> {
    await askProcess(reportWorker, this.folderOf(id), { purpose: 'writing the report', signal });
  }

  findRunner(id: string): Promise<'here' | 'elsewhere' | null> {
    return findJobRunner(this.folderOf(id));
  }

  async requireUnfinished(id: string): Promise<void> {
    await requireUnfinished(await openJobFolder(this.folderOf(id)));
  }

  private folderOf(id: string): string {
    return path.join(jobsFolderOf(this.options.dataFolder), id);
  }
}

/** Waits for a training process that outlived its server to save its state and end. */
async function whenFree(folder: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const runner = await findJobRunner(folder);
    if (runner === null) return;
    // It cannot be seen whether that one ever ends.
    if (runner === 'elsewhere') await requireUnlocked(folder);
    await sleep(UNLOCK_POLL_MS, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}
