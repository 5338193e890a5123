import { appendFileSync } from 'node:fs';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { publishFile, syncFolder, temporaryPathOf } from '../checkpoint/atomic-file.ts';
import { asciiSlug } from '../checkpoint/output-path.ts';
import type { EraseEvent } from '../erase/events.ts';
import { type EraseJob, jobSchema } from '../erase/job.ts';
import { AppError } from '../errors.ts';
import { schemaMessage } from '../schema-message.ts';
import { systemErrorCode } from '../system-error.ts';

/** Keeps ids, which people type, short. */
const MAX_SLUG_CHARACTERS = 40;

/**
 * A job on disk: `job.yaml` (the request), `events.ndjson` (what happened), `state/` (what resume
 * needs), `samples/`.
 */
export class JobFolder {
  readonly path: string;
  readonly job: EraseJob;

  constructor(folder: string, job: EraseJob) {
    this.path = folder;
    this.job = job;
  }

  private get eventsPath(): string {
    return path.join(this.path, 'events.ndjson');
  }

  /** Adds a line to `events.ndjson`; it is with the system when this returns. */
  appendEvent(event: EraseEvent): void {
    // Not async: events are few and small, and must stand in their order.
    appendFileSync(this.eventsPath, `${JSON.stringify(event)}\n`);
  }

  /**
   * Ends a line that a killed process left unfinished, so that the next event starts its own. Done
   * once, before a run appends.
   */
  async mendEvents(): Promise<void> {
    const text = await this.readEventsText();
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.eventsPath, '\n');
  }

  /** Everything that happened so far, of all runs; lines that were cut off are left out. */
  async readEvents(): Promise<EraseEvent[]> {
    const lines = (await this.readEventsText()).split('\n');
    return lines.flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as EraseEvent];
      } catch {
        return [];
      }
    });
  }

  private async readEventsText(): Promise<string> {
    return readFile(this.eventsPath, 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return '';
      throw error;
    });
  }
}

/**
 * Makes the folder of a new job and writes its `job.yaml`.
 *
 * @param concept what is erased, in few words, for the id
 * @param request the job but for its id
 * @throws AppError `output.unwritable` if the data folder cannot be written to
 */
export async function createJobFolder(
  dataFolder: string,
  concept: string,
  request: Omit<EraseJob, 'id'>,
): Promise<JobFolder> {
  const jobsFolder = path.join(dataFolder, 'jobs');
  try {
    await mkdir(jobsFolder, { recursive: true });
    const { version, ...rest } = request;
    const slug = asciiSlug(concept, MAX_SLUG_CHARACTERS) || 'concept';
    const id = await claimId(jobsFolder, `${timeStamp(request.createdAt)}-${slug}`);
    const job: EraseJob = { version, id, ...rest };
    const folder = path.join(jobsFolder, id);
    try {
      for (const name of ['state', 'samples']) await mkdir(path.join(folder, name));
      await writeJob(folder, job);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    return new JobFolder(folder, job);
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new AppError(
      'output.unwritable',
      `the data folder "${dataFolder}" cannot be written to (${code}). Choose another one with --data.`,
      { cause },
    );
  }
}

/**
 * Opens a job.
 *
 * @param idOrPath an id within the data folder, or the path of a job's folder
 * @throws AppError `job.not-found`, `job.damaged`
 */
export async function openJobFolder(dataFolder: string, idOrPath: string): Promise<JobFolder> {
  const isPath = /[/\\]/.test(idOrPath) || idOrPath === '.' || idOrPath === '..';
  const folder = isPath ? path.resolve(idOrPath) : path.join(dataFolder, 'jobs', idOrPath);
  const jobPath = path.join(folder, 'job.yaml');
  const text = await readFile(jobPath, 'utf8').catch((cause: unknown) => {
    throw isMissing(cause)
      ? new AppError(
          'job.not-found',
          `there is no job "${idOrPath}" (looked for "${jobPath}"). Its id is the name of its folder; if it was made with --data, give the same folder.`,
          { cause },
        )
      : cause;
  });
  return new JobFolder(folder, parseJob(text, jobPath));
}

function parseJob(text: string, jobPath: string): EraseJob {
  try {
    // A job holds no aliases; the cap stops texts that unfold to gigabytes.
    return jobSchema.parse(parse(text, { maxAliasCount: 0 }));
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

async function writeJob(folder: string, job: EraseJob): Promise<void> {
  const finalPath = path.join(folder, 'job.yaml');
  const temporaryPath = temporaryPathOf(finalPath);
  const handle = await open(temporaryPath, 'wx');
  try {
    await handle.writeFile(stringify(job, { aliasDuplicateObjects: false, lineWidth: 0 }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await publishFile(temporaryPath, finalPath);
  await syncFolder(folder);
}

/** Makes the folder: the first id that is free, for good. */
async function claimId(jobsFolder: string, wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const id = number === 1 ? wanted : `${wanted}-${number}`;
    try {
      await mkdir(path.join(jobsFolder, id));
      return id;
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
  }
}

/** `20261124-0415`, in universal time, as `createdAt` is. */
function timeStamp(isoTime: string): string {
  const [date = '', time = ''] = isoTime.split('T');
  return `${date.replaceAll('-', '')}-${time.slice(0, 5).replace(':', '')}`;
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
}
