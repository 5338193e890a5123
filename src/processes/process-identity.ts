import { readFile } from 'node:fs/promises';

import { systemErrorCode } from '../system-error.ts';

/** Whether a process of this id runs, be it another user's. */
export function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/**
 * When a process started, in the kernel's own count: ids are given out again, in containers soon.
 * Null for a process that has ended, and where the system does not tell (all but Linux).
 */
export async function startMark(processId: number): Promise<string | null> {
  const stat = await readFile(`/proc/${processId}/stat`, 'utf8').catch(() => null);
  if (stat === null) return null;
  // Field 22; the second one, the program's name, may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A process that has ended stays in the table until its parent asks how.
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X';
  return hasEnded ? null : (fields[19] ?? null);
}
