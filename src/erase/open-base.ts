import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { mergedTensors } from '../adapters/low-rank/merged-tensors.ts';
import { countedChanges, readLora } from '../adapters/low-rank/read-lora.ts';
import { describeRounding, measuringLoss, RoundingLoss } from '../adapters/rounding.ts';
import { pathExists } from '../checkpoint/output-path.ts';
import { type Checkpoint, openCheckpoint } from '../families/checkpoint.ts';
import { writeScrubbedModel } from '../families/scrubbed-model.ts';
import { companionsOf } from './companions.ts';
import type { EraseJob } from './job.ts';
import type { RunIo } from './run-io.ts';

/**
 * Opens what a job erases from: its model, or where LoRAs belong to it a model that has them in its weights,
 * which is made once and kept with the job's state.
 *
 * @throws the signal's reason; AppError `lora.invalid`, `vae.invalid`, `checkpoint.*`, `output.*`
 */
export async function openBase(
  job: EraseJob,
  stateFolder: string,
  io: Pick<RunIo, 'onEvent' | 'signal'>,
): Promise<Checkpoint> {
  const open = (file: string) =>
    // As it was found when the job was made: a run that is resumed goes on as it began.
    openCheckpoint(file, job.prediction ?? undefined, companionsOf(job));
  const original = await open(job.model.path);
  if (job.baseLoras.length === 0) return original;
  try {
    // Its name may tell what it predicts.
    const merged = path.join(stateFolder, 'base', path.basename(job.model.path));
    if (!(await pathExists(merged))) await writeMerged(original, job, merged, io);
    return await open(merged);
  } finally {
    await original.close();
  }
}

async function writeMerged(
  original: Checkpoint,
  { baseLoras }: EraseJob,
  outputPath: string,
  { onEvent, signal }: Pick<RunIo, 'onEvent' | 'signal'>,
): Promise<void> {
  await mkdir(path.dirname(outputPath), { recursive: true });
  const rounding = new RoundingLoss();
  const changes = [];
  for (const { path: file, strength } of baseLoras) {
    changes.push(...countedChanges(await readLora(file, original), strength));
  }
  await writeScrubbedModel({
    source: original.file,
    outputPath,
    replaced: measuringLoss(mergedTensors(original, changes), original.file, rounding),
    metadata: {},
    signal,
  });
  const names = baseLoras.map(({ path: file }) => `"${path.basename(file)}"`).join(', ');
  onEvent({
    event: 'notice',
    message: `The concept is erased from the model with ${names} in its weights. ${describeRounding(rounding, null)}`,
  });
}
