import type { JobHistory } from '../contract/job-views.ts';
import type { JobWatch } from '../contract/services.ts';
import { AppError } from '../errors.ts';
import type { JobRecord } from './job-record.ts';
import type { Artifacts } from './ports.ts';

/** The file of a job's report, once it is written. */
export const reportName = 'report.html';

/** What a person can look back on, as it is now. */
export async function historyOf(record: JobRecord): Promise<JobHistory> {
  const { timeline, release } = await record.openTimeline();
  const history = { progress: [...timeline.progress], log: [...timeline.log] };
  release();
  return history;
}

/** The same as it grows, until it is released. */
export async function watchOf(record: JobRecord): Promise<JobWatch> {
  const { timeline, release } = await record.openTimeline();
  const { progress, log } = timeline;
  return { progress, log, samples: record.progress.samples, release };
}

/**
 * Path of a picture that a job drew.
 *
 * @param file its name, whatever a client sent
 * @throws AppError `job.incomplete`
 */
export async function samplePathOf(
  { id, progress }: JobRecord,
  file: string,
  artifacts: Artifacts,
): Promise<string> {
  const isDrawn = progress.samples.some((sample) => sample.file === file);
  const found = isDrawn ? await artifacts.find(id, `samples/${file}`) : null;
  if (found !== null) return found;
  throw new AppError(
    'job.incomplete',
    `job ${id} has no sample ${JSON.stringify(file.slice(0, 100))}.`,
  );
}

/** @throws AppError `job.incomplete` for a job that has none */
export async function reportPathOf({ id }: JobRecord, artifacts: Artifacts): Promise<string> {
  const report = await artifacts.find(id, reportName);
  if (report !== null) return report;
  throw new AppError(
    'job.incomplete',
    `job ${id} has no report: it is written when the job is done.`,
  );
}
