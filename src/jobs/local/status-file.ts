import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { replaceFile } from '../../checkpoint/atomic-file.ts';
import type { RecordedEvent } from '../../erase/events.ts';
import { isMissingFile } from '../../system-error.ts';
import { AppError } from '../../errors.ts';
import { JobProgress } from '../job-progress.ts';
import {
  abandonedStatus,
  type JobStatus,
  newStatus,
  STATUS_VERSION,
  statusSchema,
} from '../job-status.ts';

/**
 * What version 0.1.0 remembered in `server.json`, of jobs of its server alone: flags, from which the
 * state followed.
 */
const oldServerSchema = z.object({
  queuedAt: z.string().nullable().default(null),
  recoveries: z.object({ count: z.int(), step: z.int() }).default({ count: 0, step: 0 }),
  interruption: z.object({ code: z.string(), message: z.string() }).nullable().default(null),
  picturesBy: z.enum(['host', 'sidecar']).nullable().default(null),
  /** Name of the model that was active before this job's was. */
  rollbackTo: z.string().nullable().default(null),
});

const pathOf = (folder: string) => path.join(folder, 'status.json');
const oldPathOf = (folder: string) => path.join(folder, 'server.json');

/**
 * Reads a job's `status.json`; of a job of 0.1.0, which has none, the status follows from its flags
 * and events.
 *
 * @throws AppError `job.damaged` for the file of a newer version
 */
export async function readStatus(
  folder: string,
  readEvents: () => Promise<readonly RecordedEvent[]>,
): Promise<JobStatus> {
  const text = await readFile(pathOf(folder), 'utf8').catch((error: unknown) => {
    if (isMissingFile(error)) return null;
    throw error;
  });
  if (text === null) return readOldStatus(folder, await readEvents());
  const found = parseJson(text);
  const { data } = statusSchema.safeParse(found);
  if (data) return data;
  // A file that means nothing counts as none.
  if (!isOfNewerVersion(found)) return readOldStatus(folder, await readEvents());
  throw new AppError(
    'job.damaged',
    `"${pathOf(folder)}" is not a status that this version can read. Use the version that wrote it, or delete the file: what happened to the job stands in its events.`,
  );
}

/** Writes a job's `status.json`, which takes the place of what 0.1.0 has left. */
export async function writeStatus(folder: string, status: JobStatus): Promise<void> {
  await replaceFile(pathOf(folder), JSON.stringify(status));
  await rm(oldPathOf(folder), { force: true });
}

async function readOldStatus(folder: string, events: readonly RecordedEvent[]): Promise<JobStatus> {
  const text = await readFile(oldPathOf(folder), 'utf8').catch(() => '{}');
  // A file that means nothing counts as none: the events tell the rest.
  const { data } = oldServerSchema.safeParse(parseJson(text));
  const { rollbackTo: modelBefore, ...server } = data ?? oldServerSchema.parse({});
  const status: JobStatus = { ...newStatus(null), state: 'queued', ...server, modelBefore };
  if (server.queuedAt !== null) return status;
  if (server.interruption !== null) return abandonedStatus(status, null);
  const progress = new JobProgress();
  for (const event of events) progress.apply(event);
  return abandonedStatus(status, progress.outcome);
}

function isOfNewerVersion(found: unknown): boolean {
  const { data } = z.object({ version: z.number() }).safeParse(found);
  return data !== undefined && data.version > STATUS_VERSION;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
