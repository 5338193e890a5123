import type { TensorSet } from '../runtime/tensor-set.ts';
import {
  imagesAtOnce,
  sampleLatents,
  type LatentRequest,
  type LatentSettings,
} from './sample-latents.ts';
import type { UnetSession } from './unet-session.ts';

/** What draws: a compiled UNet and the values of its trained tensors. */
export interface Painter {
  readonly unet: UnetSession;
  readonly parameters: TensorSet;
}

/**
 * Draws any number of pictures, as many at once as the session takes.
 *
 * @param signal aborted between two groups; the promise is then rejected with its reason
 * @param onDrawn told after each group how many pictures there are
 * @returns float32 [C, h, w] for each request, scaled as the UNet gives them
 */
export async function drawLatents(
  { unet, parameters }: Painter,
  requests: readonly LatentRequest[],
  settings: LatentSettings,
  { signal, onDrawn }: { signal: AbortSignal; onDrawn?: (count: number) => void },
): Promise<Float32Array[]> {
  const drawn: Float32Array[] = [];
  const atOnce = imagesAtOnce(unet, settings.guidanceScale);
  while (drawn.length < requests.length) {
    signal.throwIfAborted();
    const group = requests.slice(drawn.length, drawn.length + atOnce);
    const latents = await sampleLatents(unet, parameters, group, settings);
    // Copies: what was drawn are views of the whole group's memory.
    drawn.push(...latents.map((latent) => latent.slice()));
    onDrawn?.(drawn.length);
  }
  return drawn;
}
