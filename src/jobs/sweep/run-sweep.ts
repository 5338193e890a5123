import { Mutex } from 'async-mutex';

import { type AppError, asAppError } from '../../errors.ts';
import type { JobProgress } from '../job-progress.ts';
import type { EraseRequest } from '../request/draft-job.ts';
import type { Combination } from './read-sweep.ts';
import { readJobs, writeJobs } from './sweep-jobs.ts';

/** A job of a sweep as it stands. */
export interface SweptJob {
  readonly id: string;
  readonly isDone: boolean;
  readonly progress: Pick<JobProgress, 'evaluation' | 'samples' | 'seconds'>;
  /** Path of its result; null until it is known. */
  readonly output: string | null;
  /** Path of a file of the job; null where there is none. @param name within the job, with `/` */
  find(name: string): Promise<string | null>;
}

/** Where the jobs of a sweep are done. */
export interface SweepPlace {
  /** Erasures at a time. */
  readonly concurrency: number;
  /** What is known of a job; null where there is none any more. */
  look(id: string): Promise<SweptJob | null>;
  /**
   * Does an erasure to its end.
   *
   * @param known its job, if there is one: that one goes on
   * @param onMade told of a new job, before the work
   * @throws AppError what went wrong
   */
  work(
    request: EraseRequest,
    known: string | null,
    onMade: (id: string) => Promise<void>,
  ): Promise<void>;
  /** Brings what a job that is done has made here, where it is not. @throws AppError where it cannot */
  fetch(id: string): Promise<void>;
}

/** What became of one erasure of a sweep. */
export interface SweepResult {
  readonly combination: Combination;
  /** Null where it was refused before there was one, or its turn did not come. */
  readonly job: SweptJob | null;
  /** Why it is not done, or its result not here; null where it is, and where its turn did not come. */
  readonly error: AppError | null;
}

interface SweepRun {
  /** Where it keeps which job is whose. */
  readonly folder: string;
  readonly place: SweepPlace;
  readonly requestOf: (combination: Combination) => EraseRequest;
  /** Aborted to begin nothing any more. */
  readonly cancel: AbortSignal;
  /** Told of each that begins, from 1. */
  readonly onBegin: (combination: Combination, number: number) => void;
}

/**
 * Does the erasures of a sweep that are not done. One that fails keeps no other from being done.
 *
 * @returns what became of each, in the order of the combinations
 */
export async function runSweep(
  combinations: readonly Combination[],
  run: SweepRun,
): Promise<SweepResult[]> {
  const jobs = await readJobs(run.folder);
  const errors = new Map<string, AppError>();
  // The newest last, whichever job is made while another's is written.
  const writing = new Mutex();
  const queue = [...combinations.entries()];
  const isCancelled = () => run.cancel.aborted;
  const workOn = async () => {
    for (let next = queue.shift(); next && !isCancelled(); next = queue.shift()) {
      const [i, combination] = next;
      const { key } = combination;
      const found = await lookAt(jobs[key], run.place);
      if (isCancelled()) break;
      try {
        if (found?.isDone) {
          await run.place.fetch(found.id);
          continue;
        }
        run.onBegin(combination, i + 1);
        await run.place.work(run.requestOf(combination), found?.id ?? null, async (id) => {
          jobs[key] = id;
          await writing.runExclusive(() => writeJobs(run.folder, jobs));
        });
      } catch (error) {
        errors.set(key, asAppError(error));
      }
    }
  };
  const count = Math.min(run.place.concurrency, combinations.length);
  await Promise.all(Array.from({ length: count }, workOn));
  const results: SweepResult[] = [];
  for (const combination of combinations) {
    const { key } = combination;
    const job = await lookAt(jobs[key], run.place);
    results.push({ combination, job, error: errors.get(key) ?? null });
  }
  return results;
}

async function lookAt(id: string | undefined, place: SweepPlace): Promise<SweptJob | null> {
  return id === undefined ? null : place.look(id);
}
