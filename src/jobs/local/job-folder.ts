import { access, constants, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { replaceFile, writeNewFile } from '../../checkpoint/atomic-file.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { type EraseJob, jobSchema } from '../../erase/job.ts';
import { upgradeJob } from '../../erase/stored-job.ts';
import { AppError } from '../../errors.ts';
import { schemaMessage } from '../../schema-message.ts';
import { isMissingFile, systemErrorCode } from '../../system-error.ts';
import { newJobId } from '../new-job-id.ts';
import { EventLog } from './event-log.ts';

/**
 * A job on disk: `job.yaml` (the request), `events.ndjson` (what happened), `state/` (what resume
 * needs), `samples/`.
 */
export class JobFolder extends EventLog {
  readonly job: EraseJob;

  constructor(folder: string, job: EraseJob) {
    super(folder);
    this.job = job;
  }
}

/**
 * Makes sure that jobs can be written, and writes nothing yet.
 *
 * @throws AppError `output.unwritable`
 */
export async function requireJobsFolder(dataFolder: string): Promise<void> {
  await writing(dataFolder, async () => {
    let folder = path.resolve(jobsFolderOf(dataFolder));
    while (!(await pathExists(folder))) folder = path.dirname(folder);
    await access(folder, constants.W_OK);
  });
}

/**
 * Makes the folder of a new job, which is none until something is written that says what it is.
 *
 * @param createdAt ISO 8601, for the id
 * @throws AppError `output.unwritable`
 */
export async function claimJobFolder(
  dataFolder: string,
  concept: string,
  createdAt: string,
): Promise<{ readonly id: string; readonly folder: string }> {
  const jobsFolder = jobsFolderOf(dataFolder);
  return writing(dataFolder, async () => {
    await mkdir(jobsFolder, { recursive: true });
    const id = await claimId(jobsFolder, (number) => newJobId(concept, createdAt, number));
    const folder = path.join(jobsFolder, id);
    for (const name of ['state', 'samples']) await mkdir(path.join(folder, name));
    return { id, folder };
  });
}

async function writing<T>(dataFolder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new AppError(
      'output.unwritable',
      `the data folder "${dataFolder}" cannot be written to (${code}).`,
      { cause, remedy: { advice: 'Choose another one', settings: [{ setting: 'data' }] } },
    );
  }
}

/** The folder of all jobs' folders. */
export function jobsFolderOf(dataFolder: string): string {
  return path.join(dataFolder, 'jobs');
}

/** Where jobs of one data folder share what they drew; null for a job that was moved out of one. */
export function drawnSetsFolderOf(jobFolder: string): string | null {
  const jobs = path.dirname(path.resolve(jobFolder));
  const dataFolder = path.dirname(jobs);
  return jobs === jobsFolderOf(dataFolder) ? path.join(dataFolder, 'cache', 'sets') : null;
}

/** Where what is run of a job stands. */
export const jobPathOf = (folder: string) => path.join(folder, 'job.yaml');

/** The folder of a job. @param idOrPath an id within the data folder, or the folder's own path */
export function folderOfJob(dataFolder: string, idOrPath: string): string {
  return path.resolve(
    isJobPath(idOrPath) ? idOrPath : path.join(jobsFolderOf(dataFolder), idOrPath),
  );
}

/**
 * Opens the job of a folder.
 *
 * @param called what the job was asked for by
 * @throws AppError `job.not-found`, `job.damaged`
 */
export async function openJobFolder(folder: string, called = folder): Promise<JobFolder> {
  const jobPath = path.resolve(jobPathOf(folder));
  const text = await readFile(jobPath, 'utf8').catch((cause: unknown) => {
    throw isMissingFile(cause)
      ? new AppError(
          'job.not-found',
          `there is no job "${called}" (looked for "${jobPath}"). Its id is the name of its folder; if it was made in another data folder,`,
          { cause, remedy: { advice: 'give that one', settings: [{ setting: 'data' }] } },
        )
      : cause;
  });
  return new JobFolder(path.dirname(jobPath), parseJob(text, jobPath));
}

/** Whether a job is named by the path of its folder, not by its id. */
export function isJobPath(idOrPath: string): boolean {
  return /[/\\]/.test(idOrPath) || idOrPath === '.' || idOrPath === '..';
}

function parseJob(text: string, jobPath: string): EraseJob {
  try {
    // A job holds no aliases; the cap stops texts that unfold to gigabytes.
    return jobSchema.parse(upgradeJob(parse(text, { maxAliasCount: 0 })));
  } catch (cause) {
    const detail =
      cause instanceof z.ZodError
        ? schemaMessage(cause)
        : cause instanceof Error
          ? cause.message
          : 'it cannot be parsed';
    throw new AppError(
      'job.damaged',
      `"${jobPath}" is not a job that this version can run: ${detail}. Start the erasure again.`,
      { cause },
    );
  }
}

/**
 * Writes a job's `job.yaml`, which must not be there yet.
 *
 * @param prepared the job but for its id; its outputs may be named by their paths from the folder
 */
export async function writeJob(
  folder: string,
  id: string,
  prepared: Omit<EraseJob, 'id'>,
): Promise<JobFolder> {
  const { version, output, loraOutput, ...rest } = prepared;
  const job = {
    ...{ version, id, ...rest },
    output: path.resolve(folder, output),
    loraOutput: loraOutput && path.resolve(folder, loraOutput),
  };
  await writeNewFile(jobPathOf(folder), formatJob(job));
  return new JobFolder(folder, job);
}

/** Puts another `job.yaml` in the place of a job's. */
export async function rewriteJob(folder: JobFolder, job: EraseJob): Promise<JobFolder> {
  await replaceFile(path.join(folder.path, 'job.yaml'), formatJob(job));
  return new JobFolder(folder.path, job);
}

function formatJob(job: EraseJob): string {
  return stringify(job, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/** Makes the folder: the first id that is free, for good. */
async function claimId(jobsFolder: string, wanted: (number: number) => string): Promise<string> {
  for (let number = 1; ; number++) {
    const id = wanted(number);
    try {
      await mkdir(path.join(jobsFolder, id));
      return id;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
  }
}
