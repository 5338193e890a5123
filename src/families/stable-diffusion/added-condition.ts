import { timestepEmbedding } from '../../diffusion/timestep-embedding.ts';
import type { Framing, PictureSize } from '../../images/picture-size.ts';
import type { EncodedPrompt } from '../encoded-prompt.ts';

/**
 * SDXL's added condition y: the whole prompt, then the embedded sizes (Podell et al., arXiv 2307.01952,
 * section 2.2). Of drawn pictures that they were made at this size and nothing was cut off, as
 * AUTOMATIC1111 and ComfyUI tell; of given ones how large they were, and what of them was cut off once
 * they were scaled.
 *
 * @param channels width of y
 * @param size in pixels
 * @param framings of each row's picture; null for one that was drawn. Default: all were
 * @returns float32 [N, channels]
 */
export function addedConditions(
  prompts: readonly EncodedPrompt[],
  {
    channels,
    size,
    framings,
  }: { channels: number; size: PictureSize; framings?: readonly (Framing | null)[] },
): Float32Array {
  const { height, width } = size;
  const conditions = new Float32Array(prompts.length * channels);
  for (const [row, { pooled }] of prompts.entries()) {
    if (!pooled) throw new RangeError('the prompt was encoded for a model without added condition');
    const { original, top, left } = framings?.[row] ?? { original: size, top: 0, left: 0 };
    const numbers = [original.height, original.width, top, left, height, width];
    const embedded = timestepEmbedding(numbers, (channels - pooled.length) / numbers.length);
    conditions.set(pooled, row * channels);
    conditions.set(embedded, row * channels + pooled.length);
  }
  return conditions;
}
