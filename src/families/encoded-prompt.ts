import type { Checkpoint } from './checkpoint.ts';

/** A prompt as the UNet is asked with it. */
export interface EncodedPrompt {
  /** What the text encoders make of each token: float32 [T, D]. */
  readonly context: Float32Array;
  /** What SDXL's second text encoder makes of the whole: float32 [C]; null in other families. */
  readonly pooled: Float32Array | null;
}

/** By the prompt's text. */
export type EncodedPrompts = ReadonlyMap<string, EncodedPrompt>;

/** @throws RangeError for a prompt that was not encoded */
export function requireEncoded(prompts: EncodedPrompts, text: string): EncodedPrompt {
  const prompt = prompts.get(text);
  if (!prompt) throw new RangeError(`prompt "${text}" was not encoded`);
  return prompt;
}

/**
 * What guidance leads away from: the negative prompt. Where there is none it is the empty prompt, of a
 * model that says so nothing at all (zeros, `force_zeros_for_empty_prompt`).
 *
 * @throws RangeError for a prompt that was not encoded
 */
export function unconditionalPrompt(
  { ldmConfig }: Pick<Checkpoint, 'ldmConfig'>,
  prompts: EncodedPrompts,
  negativePrompt = '',
): EncodedPrompt {
  const { context, pooled } = requireEncoded(prompts, negativePrompt);
  if (negativePrompt !== '' || ldmConfig?.zerosEmptyPrompt !== true) return { context, pooled };
  return {
    context: new Float32Array(context.length),
    pooled: pooled && new Float32Array(pooled.length),
  };
}
