import type { EraseJob } from '../../erase/job.ts';
import { completeJob } from './complete-job.ts';
import type { JobDraft } from './job-draft.ts';
import { draftJob, type EraseRequest, type PrepareEnvironment } from './draft-job.ts';

/** A job that is ready to run but for its id. */
export interface PreparedJob {
  /** What was asked for. */
  readonly draft: JobDraft;
  readonly job: Omit<EraseJob, 'id'>;
}

/**
 * Turns a request into a job, checking everything that can be checked before the work: the quick
 * checks first, reading the whole model last.
 *
 * @throws AppError with exit status 3 for whatever is wrong with the request, `device.unavailable`
 */
export async function prepareJob(
  request: EraseRequest,
  environment: PrepareEnvironment,
): Promise<PreparedJob> {
  const draft = await draftJob(request, environment);
  return { draft, job: await completeJob(draft, environment) };
}
