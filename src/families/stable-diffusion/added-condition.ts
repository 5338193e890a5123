import { timestepEmbedding } from '../../diffusion/timestep-embedding.ts';
import type { EncodedPrompt } from '../encoded-prompt.ts';

/**
 * SDXL's added condition y: the whole prompt, then the embedded sizes, as for pictures of this size
 * of which nothing was cut off (Podell et al., arXiv 2307.01952, section 2.2; AUTOMATIC1111 and
 * ComfyUI tell the same sizes).
 *
 * @param channels width of y
 * @param size in pixels
 * @returns float32 [N, channels]
 */
export function addedConditions(
  prompts: readonly EncodedPrompt[],
  { channels, size }: { channels: number; size: { height: number; width: number } },
): Float32Array {
  const { height, width } = size;
  const conditions = new Float32Array(prompts.length * channels);
  for (const [row, { pooled }] of prompts.entries()) {
    if (!pooled) throw new RangeError('the prompt was encoded for a model without added condition');
    // Height and width of the original picture, top and left of the part of it, height and width.
    const numbers = [height, width, 0, 0, height, width];
    const embedded = timestepEmbedding(numbers, (channels - pooled.length) / numbers.length);
    conditions.set(pooled, row * channels);
    conditions.set(embedded, row * channels + pooled.length);
  }
  return conditions;
}
