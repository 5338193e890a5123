/** A prompt as the UNet is asked with it. */
export interface EncodedPrompt {
  /** What the text encoders make of each token: float32 [T, D]. */
  readonly context: Float32Array;
  /** What SDXL's second text encoder makes of the whole: float32 [C]; null in other families. */
  readonly pooled: Float32Array | null;
}

/** By the prompt's text. */
export type EncodedPrompts = ReadonlyMap<string, EncodedPrompt>;

/** Prompts that all have equally many tokens. */
export interface EncodedPromptSet {
  /** Tokens of each context: 77, or what the model takes at once, times the chunks of the longest prompt. */
  readonly tokens: number;
  readonly prompts: EncodedPrompts;
}

/** @throws RangeError for a prompt that was not encoded */
export function requireEncoded(prompts: EncodedPrompts, text: string): EncodedPrompt {
  const prompt = prompts.get(text);
  if (!prompt) throw new RangeError(`prompt "${text}" was not encoded`);
  return prompt;
}
