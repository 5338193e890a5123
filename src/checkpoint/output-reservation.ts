import path from 'node:path';

import {
  findHolder,
  isHere,
  type LockHolder,
  type ProcessLock,
  takeLock,
} from '../processes/process-lock.ts';

/**
 * Where it stands that a run is going to write a result: hidden, with an ending that no host lists,
 * and longer than every other name that is made beside the result, so that whoever gets it written
 * gets those written too. The file system itself says which names are the same to it.
 */
const reservationOf = (outputPath: string) =>
  path.join(path.dirname(outputPath), `.${path.basename(outputPath)}.being-written`);

/** What a name must leave for those that are made of it. */
export const RESERVATION_BYTES = '..being-written'.length;

/**
 * Reserves the name of a result for a job that this process runs. One whose process died is taken
 * over.
 *
 * @param job the job's folder
 * @returns the reservation, or who has it
 * @throws Error of the file system, with `ENAMETOOLONG` say
 */
export function reserveOutput(outputPath: string, job?: string): Promise<ProcessLock | LockHolder> {
  return takeLock(reservationOf(outputPath), { processId: process.pid, ...(job && { job }) });
}

/** Whether a run that is alive is going to write there. */
export async function isReserved(outputPath: string): Promise<boolean> {
  return (await findHolder(reservationOf(outputPath))) !== null;
}

/** That a name is reserved, and by whom, as a sentence and what to do. */
export function describeReservation(outputPath: string, holder: LockHolder): string {
  const by =
    holder.job === undefined ? `process ${holder.processId}` : `job ${path.basename(holder.job)}`;
  const sentence = `"${outputPath}" is being written by ${by}`;
  return isHere(holder)
    ? `${sentence}.`
    : `${sentence} on ${holder.host}. If that machine no longer runs it, delete "${reservationOf(outputPath)}".`;
}
