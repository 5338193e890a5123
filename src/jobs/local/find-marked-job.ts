import { readdir } from 'node:fs/promises';
import path from 'node:path';

import type { EraseJob } from '../../erase/job.ts';
import { markOf } from '../../erase/result.ts';
import { jobsFolderOf, openJobFolder } from './job-folder.ts';

/**
 * The job that a result's metadata calls by its mark; null where the data folder does not have it.
 *
 * @param mark as `markOf`; of several jobs of the same words any will do
 */
export async function findMarkedJob(dataFolder: string, mark: string): Promise<EraseJob | null> {
  const folder = jobsFolderOf(dataFolder);
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    // Others' jobs may be damaged, or just being made.
    const found = await openJobFolder(path.join(folder, name)).catch(() => null);
    if (found && markOf(found.job) === mark) return found.job;
  }
  return null;
}
