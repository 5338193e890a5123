import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

import { publishFile } from '../checkpoint/atomic-file.ts';
import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';
import { isRunning, startMark } from '../processes/process-identity.ts';

const LOCK_NAME = 'lock';

const holderSchema = z.object({
  processId: z.int().min(1),
  /** Tells two processes of the same id apart, where the system can. */
  startMark: z.string().nullable(),
  host: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/** The right to run a job. */
export interface JobLock {
  release(): Promise<void>;
}

/**
 * Claims a job for a process, by which other processes know whether the lock is still good: the
 * lock of a process that has died is taken over.
 *
 * @param processId the process that does the work. Should this one die first, the job stays locked
 *   until that one is done.
 * @throws AppError `job.wrong-state` if the job is being run
 */
export async function acquireJobLock(folder: string, processId: number): Promise<JobLock> {
  const lockPath = path.join(folder, LOCK_NAME);
  const holder = { processId, startMark: await startMark(processId), host: hostname() };
  const content = JSON.stringify(holder);
  while (!(await publishNew(lockPath, content))) {
    const found = await readFile(lockPath, 'utf8').catch(() => null);
    // Released a moment ago.
    if (found === null) continue;
    const current = parseHolder(found);
    if (current && (await staysAlive(current))) throw busy(folder, current);
    await removeStale(lockPath, found);
  }
  return {
    release: async () => {
      const found = await readFile(lockPath, 'utf8').catch(() => null);
      if (found === content) await rm(lockPath, { force: true });
    },
  };
}

/** @throws AppError `job.wrong-state` if the job is being run */
export async function requireUnlocked(folder: string): Promise<void> {
  const found = await readFile(path.join(folder, LOCK_NAME), 'utf8').catch(() => null);
  const holder = found === null ? null : parseHolder(found);
  if (holder && (await staysAlive(holder))) throw busy(folder, holder);
}

/** Who runs a job right now: a process of this machine, or of another that shares the folder. */
export async function findJobRunner(folder: string): Promise<'here' | 'elsewhere' | null> {
  const found = await readFile(path.join(folder, LOCK_NAME), 'utf8').catch(() => null);
  const holder = found === null ? null : parseHolder(found);
  if (!holder || !(await isAlive(holder))) return null;
  return holder.host === hostname() ? 'here' : 'elsewhere';
}

/** Makes the lock file with all its content at once; false if there is one. */
async function publishNew(lockPath: string, content: string): Promise<boolean> {
  const temporaryPath = `${lockPath}.${randomUUID()}`;
  await writeFile(temporaryPath, content, { flag: 'wx' });
  try {
    await publishFile(temporaryPath, lockPath);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/**
 * Takes a dead process's lock away. Another process may do the same and claim the job in between:
 * what was moved away is looked at again, and put back if it was the other's.
 */
async function removeStale(lockPath: string, staleContent: string): Promise<void> {
  const asidePath = `${lockPath}.${randomUUID()}`;
  try {
    await rename(lockPath, asidePath);
  } catch {
    // The other process was faster.
    return;
  }
  if ((await readFile(asidePath, 'utf8')) === staleContent) await rm(asidePath, { force: true });
  else await publishFile(asidePath, lockPath);
}

function parseHolder(content: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(content));
  } catch {
    return null;
  }
}

/** How long a killed process may take to give its memory back; it counts as running meanwhile. */
const dyingMilliseconds = 3000;

async function staysAlive(holder: Holder): Promise<boolean> {
  const end = performance.now() + dyingMilliseconds;
  while (await isAlive(holder)) {
    if (performance.now() > end || holder.host !== hostname()) return true;
    await sleep(100);
  }
  return false;
}

async function isAlive(holder: Holder): Promise<boolean> {
  // Processes of another machine that shares the folder cannot be seen.
  if (holder.host !== hostname()) return true;
  if (!isRunning(holder.processId)) return false;
  return (await startMark(holder.processId)) === holder.startMark;
}

function busy(folder: string, { processId, host }: Holder): AppError {
  const where = host === hostname() ? '' : ` on ${host}`;
  const remedy =
    host === hostname()
      ? ''
      : ` If that machine no longer runs it, delete "${path.join(folder, LOCK_NAME)}".`;
  return new AppError(
    'job.wrong-state',
    `job ${path.basename(folder)} is being run by process ${processId}${where}. Wait until it is done, or cancel it there.${remedy}`,
  );
}
