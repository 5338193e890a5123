import path from 'node:path';

import type { ChangeFile } from '../adapters/adapter.ts';
import { hostHashes } from '../adapters/low-rank/host-hashes.ts';
import { describeRounding, measuringLoss, RoundingLoss } from '../adapters/rounding.ts';
import { withoutModelEnding } from '../checkpoint/model-ending.ts';
import { asOutputErrors } from '../checkpoint/output-place.ts';
import { PROVENANCE_KEY } from '../checkpoint/provenance.ts';
import { writeTensorFile } from '../checkpoint/tensor-file.ts';
import { AppError } from '../errors.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { copiesLeftOut } from '../families/open-model-files.ts';
import { writeScrubbedModel } from '../families/scrubbed-model.ts';
import { trainingOf } from '../methods/registry.ts';
import type { EraseJob } from './job.ts';
import type { NewWeights } from './new-weights.ts';
import { outputsOf } from './outputs.ts';
import { provenanceOf } from './result.ts';
import type { RunIo } from './run-io.ts';

/**
 * Writes what a job makes of the weights that it found: a checkpoint, a LoRA file, or both.
 *
 * @throws AppError `output.*`, `checkpoint.*`
 */
export async function writeResults(
  checkpoint: Checkpoint,
  job: EraseJob,
  { replaced, change, steps }: NewWeights,
  io: RunIo,
): Promise<void> {
  const outputs = outputsOf(job);
  const notice = (message: string) => {
    io.onEvent({ event: 'notice', message });
  };
  // Before the checkpoint, with which the job is done.
  if (outputs.lora !== null) {
    if (!change) throw new AppError('internal.unexpected', 'there is no change to write alone');
    await writeLora(outputs.lora, change, job, steps);
    notice(describeLora(outputs.lora, job));
  }
  if (outputs.checkpoint === null) return;
  const dropped = copiesLeftOut(checkpoint.file);
  const rounding = new RoundingLoss();
  await writeScrubbedModel({
    source: checkpoint.file,
    outputPath: outputs.checkpoint,
    replaced: measuringLoss(replaced, checkpoint.file, rounding),
    metadata: { [PROVENANCE_KEY]: JSON.stringify(provenanceOf(job, steps, dropped)) },
    signal: io.signal,
  });
  // A method that does not train makes no LoRA file in its place.
  const hasLora = trainingOf(job.settings) ? outputs.lora !== null : null;
  const isTold = change !== null || rounding.isNotable;
  const message = describeRounding(rounding, hasLora);
  io.onEvent({ event: isTold ? 'notice' : 'note', message });
  if (dropped.length > 0) notice(describeDropped(dropped));
}

/**
 * Writes the change alone, with the name that web UIs show and take in a prompt. Where its metadata is to name
 * nothing, they take the file's name, which is the same.
 */
async function writeLora(
  file: string,
  { entries, metadata }: ChangeFile,
  job: EraseJob,
  steps: number,
): Promise<void> {
  const title = loraTitle(file);
  const isFull = job.settings.metadata === 'full';
  const named = {
    ...metadata,
    ...(isFull && { ss_output_name: title, 'modelspec.title': title }),
  };
  await asOutputErrors(file, async () => {
    await writeTensorFile(file, entries, {
      ...named,
      ...(await hostHashes(entries, named)),
      [PROVENANCE_KEY]: JSON.stringify(provenanceOf(job, steps, [])),
    });
  });
}

function loraTitle(file: string): string {
  return withoutModelEnding(path.basename(file));
}

function describeLora(file: string, { baseLoras }: EraseJob): string {
  const others = baseLoras
    .map(({ path: lora, strength }) => ` and "${path.basename(lora)}" at ${strength}`)
    .join('');
  return `The change is a LoRA file: "${file}". In a web UI's folder of LoRAs, with the original model${others}, <lora:${loraTitle(file)}:1> in a prompt forgets; ComfyUI takes it by the node LoraLoaderModelOnly.`;
}

/** Names of copies that a message tells one by one. */
const MAX_NAMED_COPIES = 4;

function describeDropped(dropped: readonly string[]): string {
  const named = dropped.slice(0, MAX_NAMED_COPIES).map((name) => `"${name}"`);
  const more = dropped.length - named.length;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `The model holds copies of its UNet, which would still draw the concept. They were left out of the result: ${named.join(', ')}${rest}. The original still has them.`;
}
