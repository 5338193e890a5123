import type { JobRecord } from './job-record.ts';

/** A job that gets no further from one start of the server to the next may be what ends it. */
const MAX_RECOVERIES = 3;

/**
 * The jobs that a server that ended had not finished, in their order, queued anew. One that was found
 * so too often is interrupted instead.
 */
export async function recoverJobs(records: readonly JobRecord[]): Promise<JobRecord[]> {
  const owed = records
    .filter(({ isOurs }) => isOurs)
    .sort((a, b) => placeOf(a).localeCompare(placeOf(b)));
  const recovered: JobRecord[] = [];
  for (const record of owed) {
    if (record.progress.runs > 0 && !(await mayRecover(record))) continue;
    if (record.state !== 'queued') await record.status.advance('requeue');
    recovered.push(record);
  }
  return recovered;
}

const placeOf = ({ status }: JobRecord) => status.current.queuedAt ?? '';

/**
 * Counts how often a job was found unfinished since it last got any further, and gives up in time: it is
 * interrupted then.
 *
 * @returns whether it may go on
 */
export async function mayRecover(
  { id, status, progress }: JobRecord,
  maxRecoveries = MAX_RECOVERIES,
): Promise<boolean> {
  const { count, step } = status.current.recoveries;
  const reached = progress.last?.step ?? 0;
  const recoveries = reached > step ? { count: 1, step: reached } : { count: count + 1, step };
  if (recoveries.count <= maxRecoveries) {
    await status.change({ recoveries });
    return true;
  }
  await status.advance('interrupt', {
    queuedAt: null,
    interruption: {
      code: 'device.crashed',
      message: `job ${id} was interrupted ${recoveries.count} times without getting further than step ${reached}, so it was not started again. Perhaps the machine cannot bear it: resume it, or start again with smaller settings or on the CPU.`,
    },
  });
  return false;
}
