import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { replaceFile } from '../../checkpoint/atomic-file.ts';
import { AppError } from '../../errors.ts';
import { isMissingFile } from '../../system-error.ts';

/** Ids of jobs by the keys of their combinations. */
const jobsSchema = z.record(z.string(), z.string());
export type SweepJobs = z.output<typeof jobsSchema>;

/** In the folder of a sweep. */
export const jobsFile = 'jobs.json';
const jobsPathOf = (folder: string) => path.join(folder, jobsFile);

/**
 * Which jobs the sweep of a folder has made.
 *
 * @throws AppError `job.damaged`
 */
export async function readJobs(folder: string): Promise<SweepJobs> {
  const file = jobsPathOf(folder);
  try {
    return jobsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    if (isMissingFile(cause)) return {};
    throw new AppError(
      'job.damaged',
      `"${file}" does not say which jobs a sweep has made. Remove it: the sweep begins anew, and its jobs stay where they are.`,
      { cause },
    );
  }
}

export async function writeJobs(folder: string, jobs: SweepJobs): Promise<void> {
  await replaceFile(jobsPathOf(folder), JSON.stringify(jobs, null, 2));
}
