import { putOnTop } from '../adapters/low-rank/put-on-top.ts';
import { readLora } from '../adapters/low-rank/read-lora.ts';
import { type Checkpoint, openCheckpoint } from '../families/checkpoint.ts';
import { companionsOf } from './companions.ts';
import type { EraseJob } from './job.ts';
import { outputsOf } from './outputs.ts';

/**
 * What a job made, as a model: its checkpoint, or its LoRA file on top of the original, with whose file it is closed.
 *
 * @throws AppError `checkpoint.*`, `lora.invalid`
 */
export async function openResult(before: Checkpoint, job: EraseJob): Promise<Checkpoint> {
  const { checkpoint, lora } = outputsOf(job);
  return checkpoint === null && lora !== null
    ? putOnTop(before, await readLora(lora, before), 1)
    : openCheckpoint(job.output, job.prediction ?? undefined, companionsOf(job));
}
