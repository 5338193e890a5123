import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ChangeFile } from '../adapters/adapter.ts';
import { withoutModelEnding } from '../checkpoint/model-ending.ts';
import { PROVENANCE_KEY } from '../checkpoint/provenance.ts';
import { copiesLeftOut } from '../families/model-files.ts';
import { writeTensorFile } from '../checkpoint/tensor-file.ts';
import { provenanceOf, stepsOfResult } from './result.ts';
import { writeScrubbedModel } from '../families/scrubbed-model.ts';
import { AppError } from '../errors.ts';
import { openCheckpoint, type Checkpoint } from '../families/checkpoint.ts';
import type { EraseJob } from './job.ts';
import { evaluateResult } from './evaluate-result.ts';
import type { RunIo } from './run-io.ts';
import { methodOf, requireTraining } from '../methods/registry.ts';
import { editWeights } from './edit-weights.ts';
import { trainWeights } from './train-weights.ts';

/**
 * Runs a job from wherever it stands: finds its weights, writes the scrubbed model, judges it.
 * What a resumed run needs is kept in `<folder>/state`; once the model is written, nothing of it.
 *
 * @throws job.cancelled after the state was saved; checkpoint.*, output.*, device.* as they come
 */
export async function runJob(job: EraseJob, folder: string, io: RunIo): Promise<void> {
  // As it was found when the job was made: a run that is resumed goes on as it began.
  const checkpoint = await openCheckpoint(job.model.path, job.prediction ?? undefined);
  try {
    for (const message of job.prediction?.remarks ?? []) io.onEvent({ event: 'notice', message });
    const steps = (await stepsOfResult(job)) ?? (await makeResult(checkpoint, job, folder, io));
    await evaluateResult(checkpoint, job, { folder, steps, io });
  } catch (error) {
    if (!io.signal.aborted || error instanceof AppError) throw error;
    throw new AppError(
      'job.cancelled',
      `job ${job.id} was cancelled; resume it with: resume ${job.id}`,
    );
  } finally {
    await checkpoint.file.close();
  }
}

/** Finds the new weights and writes the scrubbed model. @returns the outer steps that made it */
async function makeResult(
  checkpoint: Checkpoint,
  job: EraseJob,
  folder: string,
  io: RunIo,
): Promise<number> {
  const stateFolder = stateFolderOf(folder);
  await mkdir(stateFolder, { recursive: true });
  const place = { folder, stateFolder, io };
  const method = methodOf(job.settings);
  const { replaced, change, steps, release } =
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
    // Before the model, with which the job is done.
    if (change) await writeChange(change, job, { steps, folder, io });
    const dropped = copiesLeftOut(checkpoint.file);
    await writeScrubbedModel({
      source: checkpoint.file,
      outputPath: job.output,
      replaced,
      metadata: { [PROVENANCE_KEY]: JSON.stringify(provenanceOf(job, steps, dropped)) },
      signal: io.signal,
    });
    if (dropped.length > 0) {
      io.onEvent({ event: 'notice', message: describeDropped(dropped) });
    }
    return steps;
  } finally {
    await release();
  }
}

/** Writes the change alone, with a name that web UIs show and take in a prompt: no dots inside. */
async function writeChange(
  change: ChangeFile,
  job: EraseJob,
  { steps, folder, io }: { steps: number; folder: string; io: RunIo },
): Promise<void> {
  const title = withoutModelEnding(path.basename(job.output)).replaceAll('.', '-');
  const file = path.join(folder, 'lora', `${title}.safetensors`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeTensorFile(file, change.entries, {
    ...change.metadata,
    ss_output_name: title,
    [PROVENANCE_KEY]: JSON.stringify(provenanceOf(job, steps, [])),
  });
  io.onEvent({
    event: 'notice',
    message: `The change alone is also a LoRA file: "${file}". In a web UI's folder of LoRAs, with the original model, <lora:${title}:1> in a prompt forgets as the scrubbed model does.`,
  });
}

/** Names of copies that a message tells one by one. */
const MAX_NAMED_COPIES = 4;

function describeDropped(dropped: readonly string[]): string {
  const named = dropped.slice(0, MAX_NAMED_COPIES).map((name) => `"${name}"`);
  const more = dropped.length - named.length;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `The model holds copies of its UNet, which would still draw the concept. They were left out of the result: ${named.join(', ')}${rest}. The original still has them.`;
}

/** What a resumed run needs: as large as several copies of what is trained. */
export function stateFolderOf(jobFolder: string): string {
  return path.join(jobFolder, 'state');
}
