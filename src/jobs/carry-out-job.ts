import { rm } from 'node:fs/promises';

import type { EraseEvent } from '../erase/events.ts';
import { runJob, stateFolderOf, type RunIo } from '../erase/run.ts';
import type { JobFolder } from './job-folder.ts';

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
  tell({ event: 'job', job: job.id, folder: path, output: job.output });
  await runJob(job, path, { onEvent: tell, past, signal });
  await rm(stateFolderOf(path), { recursive: true, force: true });
  const seconds = (performance.now() - started) / 1000;
  tell({ event: 'done', output: job.output, job: job.id, seconds });
}
