import { rm } from 'node:fs/promises';

import { DrawnSets } from '../../erase/drawn-sets.ts';
import type { EraseEvent } from '../../erase/events.ts';
import { jobBegun } from '../../erase/job-begun.ts';
import { runJob, stateFolderOf } from '../../erase/run.ts';
import type { RunIo } from '../../erase/run-io.ts';
import { writeReport } from '../../report/write-report.ts';
import { describeError } from '../describe-error.ts';
import { drawnSetsFolderOf, type JobFolder } from './job-folder.ts';

/**
 * Does all that a job asks for, from wherever it stands to its last event.
 *
 * @throws AppError as `runJob`
 */
export async function carryOutJob(
  folder: JobFolder,
  { onEvent, signal }: Omit<RunIo, 'past'>,
): Promise<void> {
  const started = performance.now();
  const { job, path } = folder;
  const past = await folder.readEvents();
  const told: EraseEvent[] = [...past];
  const tell = (event: EraseEvent) => {
    told.push(event);
    onEvent(event);
  };
  tell(jobBegun(job, path));
  // Once: a resumed run has told them.
  if (past.every(({ event }) => event !== 'job')) {
    for (const message of job.warnings) tell({ event: 'warning', message });
  }
  const sets = drawnSetsFolderOf(path);
  await runJob(
    job,
    path,
    { onEvent: tell, past, signal },
    sets === null ? null : new DrawnSets(sets),
  );
  try {
    await writeReport(path, job, told);
  } catch (error) {
    // The model is there: a job does not fail for a page about it.
    const { message } = describeError(error).event;
    tell({ event: 'notice', message: `The report could not be written: ${message}` });
  }
  await rm(stateFolderOf(path), { recursive: true, force: true });
  const seconds = (performance.now() - started) / 1000;
  tell({ event: 'done', output: job.output, job: job.id, seconds });
}
