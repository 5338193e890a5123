import type { EncodedPrompt } from '../../src/families/encoded-prompt.ts';
import { splitRows } from '../../src/tensor/rows.ts';

/**
 * Prompts from their contexts: [N, T, D].
 *
 * @param pooled of each one as a whole, for SDXL
 */
export function encodedPrompts(
  contexts: Float32Array,
  count = 1,
  pooled: Float32Array | null = null,
): EncodedPrompt[] {
  return splitRows(contexts, contexts.length / count).map((context) => ({ context, pooled }));
}
