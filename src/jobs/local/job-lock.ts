import path from 'node:path';

import { AppError } from '../../errors.ts';
import {
  findHolder,
  isHere,
  type LockHolder,
  type ProcessLock,
  takeLock,
} from '../../processes/process-lock.ts';

/** How long a killed process may take to give its memory back; it counts as running meanwhile. */
const DYING_MS = 3000;

const lockPathOf = (folder: string) => path.join(folder, 'lock');

/**
 * Claims a job for a process; the lock of one that has died is taken over.
 *
 * @param processId the process that does the work. Should this one die first, the job stays locked
 *   until that one is done.
 * @throws AppError `job.wrong-state` if the job is being run
 */
export async function acquireJobLock(folder: string, processId: number): Promise<ProcessLock> {
  const lock = await takeLock(lockPathOf(folder), { processId }, DYING_MS);
  if ('host' in lock) throw busy(folder, lock);
  return lock;
}

/** @throws AppError `job.wrong-state` if the job is being run */
export async function requireUnlocked(folder: string): Promise<void> {
  const holder = await findHolder(lockPathOf(folder), DYING_MS);
  if (holder) throw busy(folder, holder);
}

/** Who runs a job right now: a process of this machine, or of another that shares the folder. */
export async function findJobRunner(folder: string): Promise<'here' | 'elsewhere' | null> {
  const holder = await findHolder(lockPathOf(folder));
  if (!holder) return null;
  return isHere(holder) ? 'here' : 'elsewhere';
}

function busy(folder: string, holder: LockHolder): AppError {
  const where = isHere(holder) ? '' : ` on ${holder.host}`;
  const remedy = isHere(holder)
    ? ''
    : ` If that machine no longer runs it, delete "${lockPathOf(folder)}".`;
  return new AppError(
    'job.wrong-state',
    `job ${path.basename(folder)} is being run by process ${holder.processId}${where}. Wait until it is done, or cancel it there.${remedy}`,
  );
}
