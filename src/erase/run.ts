import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { stepsOfResult } from './result.ts';
import { AppError } from '../errors.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import type { DrawnSets } from './drawn-sets.ts';
import type { EraseJob } from './job.ts';
import { openBase } from './open-base.ts';
import { evaluateResult } from './evaluate-result.ts';
import type { RunIo } from './run-io.ts';
import { methodOf, requireTraining } from '../methods/registry.ts';
import { editWeights } from './edit-weights.ts';
import { type RunPlace, trainWeights } from './train-weights.ts';
import { writeResults } from './write-results.ts';

/**
 * Runs a job from wherever it stands: finds its weights, writes what shall come of them, judges it.
 * What a resumed run needs is kept in `<folder>/state`; once the model is written, nothing of it.
 *
 * @param drawnSets what earlier jobs have drawn; without it the job draws all of its sets
 * @throws job.cancelled after the state was saved; checkpoint.*, output.*, device.* as they come
 */
export async function runJob(
  job: EraseJob,
  folder: string,
  io: RunIo,
  drawnSets: DrawnSets | null = null,
): Promise<void> {
  const checkpoint = await openBase(job, stateFolderOf(folder), io);
  try {
    for (const message of job.prediction?.remarks ?? []) io.onEvent({ event: 'notice', message });
    const steps =
      (await stepsOfResult(job)) ?? (await makeResult(checkpoint, job, { folder, io, drawnSets }));
    await evaluateResult(checkpoint, job, { folder, steps, io });
  } catch (error) {
    if (!io.signal.aborted || error instanceof AppError) throw error;
    throw new AppError(
      'job.cancelled',
      `job ${job.id} was cancelled; resume it with: resume ${job.id}`,
    );
  } finally {
    await checkpoint.close();
  }
}

/** Finds the new weights and writes the results. @returns the outer steps that made it */
async function makeResult(
  checkpoint: Checkpoint,
  job: EraseJob,
  { folder, io, drawnSets }: Omit<RunPlace, 'stateFolder'>,
): Promise<number> {
  const stateFolder = stateFolderOf(folder);
  await mkdir(stateFolder, { recursive: true });
  const place = { folder, stateFolder, io, drawnSets };
  const method = methodOf(job.settings);
  const weights =
    method.uses === 'weights'
      ? await editWeights(checkpoint, job, method, io)
      : await trainWeights(
          checkpoint,
          { ...job, settings: requireTraining(job.settings) },
          method,
          place,
        );
  try {
    io.onEvent({ event: 'phase', phase: 'save' });
    await writeResults(checkpoint, job, weights, io);
    return weights.steps;
  } finally {
    await weights.release();
  }
}

/** What a resumed run needs: as large as several copies of what is trained. */
export function stateFolderOf(jobFolder: string): string {
  return path.join(jobFolder, 'state');
}
