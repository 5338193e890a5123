import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

import { publishFile } from '../checkpoint/atomic-file.ts';
import { systemErrorCode } from '../system-error.ts';
import { isRunning, startMark } from './process-identity.ts';

const holderSchema = z.object({
  processId: z.int().min(1),
  /** Tells two processes of the same id apart, where the system can. */
  startMark: z.string().nullable(),
  host: z.string(),
  /** Folder of the job that it is held for, where it is for one. */
  job: z.string().optional(),
});

/** Who holds a lock. */
export type LockHolder = z.infer<typeof holderSchema>;

/** A lock that is held. */
export interface ProcessLock {
  readonly release: () => Promise<void>;
}

/** Who a lock is taken for. */
export interface LockClaim {
  /** By which other processes know whether the lock is still good. */
  readonly processId: number;
  /** Folder of a job: ids are unique in their data folder only. */
  readonly job?: string;
}

/**
 * Takes a lock, a file that names the process it is for: that of a process that has died is taken
 * over.
 *
 * @param patienceMs how long a holder that may be dying is waited for
 * @returns the lock, or who holds it
 * @throws Error of the file system, if the file cannot be made
 */
export async function takeLock(
  lockPath: string,
  { processId, job }: LockClaim,
  patienceMs = 0,
): Promise<ProcessLock | LockHolder> {
  const mark = await startMark(processId);
  const holder: LockHolder = { processId, startMark: mark, host: hostname(), ...(job && { job }) };
  const content = JSON.stringify(holder);
  while (!(await publishNew(lockPath, content))) {
    const found = await readFile(lockPath, 'utf8').catch(() => null);
    // Released a moment ago.
    if (found === null) continue;
    const current = parseHolder(found);
    if (current && (await staysAlive(current, patienceMs))) return current;
    await removeStale(lockPath, found);
  }
  return {
    release: async () => {
      const found = await readFile(lockPath, 'utf8').catch(() => null);
      if (found === content) await rm(lockPath, { force: true });
    },
  };
}

/** Who holds a lock; null where nobody does who is alive, once `patienceMs` have passed. */
export async function findHolder(lockPath: string, patienceMs = 0): Promise<LockHolder | null> {
  const found = await readFile(lockPath, 'utf8').catch(() => null);
  const holder = found === null ? null : parseHolder(found);
  return holder && (await staysAlive(holder, patienceMs)) ? holder : null;
}

/** Whether a lock's holder is a process of this machine. */
export function isHere(holder: LockHolder): boolean {
  return holder.host === hostname();
}

/** Makes the lock file with all its content at once; false if there is one. */
async function publishNew(lockPath: string, content: string): Promise<boolean> {
  // Not derived from the lock's name, which may be as long as names can be.
  const temporaryPath = path.join(path.dirname(lockPath), `.lock-${randomUUID()}.part`);
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
 * Takes a dead process's lock away. Another process may do the same and claim it in between: what
 * was moved away is looked at again, and put back if it was the other's.
 */
async function removeStale(lockPath: string, staleContent: string): Promise<void> {
  const asidePath = path.join(path.dirname(lockPath), `.lock-${randomUUID()}.part`);
  try {
    await rename(lockPath, asidePath);
  } catch {
    // The other process was faster.
    return;
  }
  if ((await readFile(asidePath, 'utf8')) === staleContent) await rm(asidePath, { force: true });
  else await publishFile(asidePath, lockPath);
}

function parseHolder(content: string): LockHolder | null {
  try {
    return holderSchema.parse(JSON.parse(content));
  } catch {
    return null;
  }
}

async function staysAlive(holder: LockHolder, patienceMs: number): Promise<boolean> {
  const end = performance.now() + patienceMs;
  while (await isAlive(holder)) {
    if (performance.now() >= end || !isHere(holder)) return true;
    await sleep(100);
  }
  return false;
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  // Processes of another machine that shares the folder cannot be seen.
  if (!isHere(holder)) return true;
  if (!isRunning(holder.processId)) return false;
  return (await startMark(holder.processId)) === holder.startMark;
}
