import path from 'node:path';

import { chooseFreeName, parseResultName } from '../../checkpoint/output-name.ts';
import { asOutputErrors, isNameTooLong } from '../../checkpoint/output-place.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { describeReservation, reserveOutput } from '../../checkpoint/output-reservation.ts';
import { isResultOf } from '../../erase/result.ts';
import { AppError } from '../../errors.ts';
import type { ProcessLock } from '../../processes/process-lock.ts';
import { type JobFolder, rewriteJob } from './job-folder.ts';
import { requireUnlocked } from './job-lock.ts';

/** The right of a run to write its result. */
export interface ClaimedOutput {
  /** What a person should know of it: that the result is called otherwise. Null: all is as said. */
  readonly notice: string | null;
  readonly release: () => Promise<void>;
}

/**
 * Reserves the name of a job's result until its run ends. Where it is no longer to be had, because
 * another run was faster or it is longer than the file system allows, the job is given another one,
 * unless it was the person who chose it.
 *
 * @throws AppError `job.wrong-state` if the job is being run; `output.exists`, `output.unwritable`
 */
export async function claimOutput(folder: JobFolder): Promise<ClaimedOutput> {
  await requireUnlocked(folder.path);
  const wanted = await tryClaim(folder);
  if ('release' in wanted) return { notice: null, release: wanted.release };
  // One that is too long could never be written, whoever chose it.
  if (folder.job.outputIsGiven && !wanted.isTooLong) {
    throw new AppError('output.exists', `${wanted.reason} ${wanted.remedy}`);
  }
  for (;;) {
    const output = await chooseFreeName(parseResultName(folder.job.output));
    const renamed = await rewriteJob(folder, { ...folder.job, output });
    const claim = await tryClaim(renamed);
    if ('release' in claim) {
      const notice = `${wanted.reason} The result is called "${path.basename(output)}" instead.`;
      return { notice, release: claim.release };
    }
    if (claim.isTooLong) throw new AppError('output.unwritable', claim.reason);
  }
}

/** Why a job cannot have the name of its result. */
interface NoClaim {
  /** A sentence, as is what can be done. */
  readonly reason: string;
  readonly remedy: string;
  readonly isTooLong: boolean;
}

async function tryClaim({ job, path: jobFolder }: JobFolder): Promise<ProcessLock | NoClaim> {
  const { id, output } = job;
  const reserved = await asOutputErrors(output, () => reserveOutput(output, jobFolder)).catch(
    (error: unknown) => {
      if (isNameTooLong(error)) return null;
      throw error;
    },
  );
  if (reserved === null) {
    const reason = `"${path.basename(output)}" is longer than the file system allows.`;
    return { reason, remedy: 'Choose a shorter name.', isTooLong: true };
  }
  if ('host' in reserved) {
    if (reserved.job === jobFolder)
      throw new AppError('job.wrong-state', `job ${id} is being run already.`);
    const reason = describeReservation(output, reserved);
    return { reason, remedy: 'Wait until it is done, then resume this job.', isTooLong: false };
  }
  // A killed run may have written it and not come to say so.
  if (!(await pathExists(output)) || (await isResultOf(job))) return reserved;
  await reserved.release();
  return {
    reason: `"${output}" exists already and is not overwritten.`,
    remedy: 'Move it away, then resume the job.',
    isTooLong: false,
  };
}
