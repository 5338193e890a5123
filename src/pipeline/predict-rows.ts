import { elementCount } from '../tensor/shape.ts';
import { takeElements } from '../runtime/read-back.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { joinRows, splitRows } from '../tensor/rows.ts';
import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import type { LatentSize } from '../families/family.ts';
import type { UnetSession } from './unet-session.ts';

/** One question to the UNet. */
export interface PredictionRow {
  /** x_t: float32 [C, h, w]. */
  readonly sample: Float32Array;
  readonly prompt: EncodedPrompt;
  /** t, counted from 0; samplers ask between two steps of training too. */
  readonly timestep: number;
}

/**
 * ε_θ (or v_θ) for any number of rows, in calls of the session's batch; the last one is filled up.
 *
 * @param size of the latents; default: the session's usual one
 * @returns float32 [C, h, w] for each row, views of the calls' memory
 */
export async function predictRows(
  unet: UnetSession,
  parameters: TensorSet,
  rows: readonly PredictionRow[],
  size: LatentSize = unet.shape,
): Promise<Float32Array[]> {
  const { batch } = unet.shape;
  const count = elementCount(unet.latentShapeOf(size).slice(1));
  const predictions: Float32Array[] = [];
  for (let start = 0; start < rows.length; start += batch) {
    const chunk = rows.slice(start, start + batch);
    const full = Array.from({ length: batch }, (_, i) => chunk[Math.min(i, chunk.length - 1)]);
    const called = full.flatMap((row) => row ?? []);
    const prediction = await unet.predict(parameters, {
      noisyLatents: joinRows(called.map(({ sample }) => sample)),
      prompts: called.map(({ prompt }) => prompt),
      timesteps: called.map(({ timestep }) => timestep),
      size,
    });
    predictions.push(...splitRows(await takeElements(prediction), count).slice(0, chunk.length));
  }
  return predictions;
}
