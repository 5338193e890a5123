import type { Checkpoint } from '../../families/checkpoint.ts';
import { putOnTop } from './put-on-top.ts';
import { readLora } from './read-lora.ts';

/** A LoRA's path, and how many times it counts. */
export interface ChosenLora {
  readonly path: string;
  readonly strength: number;
}

/**
 * A model with LoRAs on top of it.
 *
 * @throws AppError `lora.invalid`, `checkpoint.*`
 */
export async function withLoras(
  checkpoint: Checkpoint,
  loras: readonly ChosenLora[],
): Promise<Checkpoint> {
  let model = checkpoint;
  for (const { path: file, strength } of loras) {
    model = putOnTop(model, await readLora(file, checkpoint), strength);
  }
  return model;
}
