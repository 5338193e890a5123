import { AppError } from '../../errors.ts';
import { type EncodedPrompt, requireEncoded } from '../encoded-prompt.ts';
import type { Condition } from '../family.ts';
import { classContext, contextWidth, promptOf } from './class-context.ts';
import type { PixelUnetConfig } from './config.ts';

/** Its one token: the class. */
const TOKENS = 1;

/** What a model makes of a class, or of being asked for nothing. */
export function createCondition(config: PixelUnetConfig): Condition {
  const width = contextWidth(config);
  const encoded = (prompt: string): EncodedPrompt => ({
    context: classContext(config, prompt),
    pooled: null,
  });
  const { classes } = config;
  return {
    asks:
      classes.kind === 'none'
        ? { kind: 'nothing' }
        : { kind: 'classes', count: classes.kind === 'table' ? classes.classes : null },
    ...{ width, tokens: TOKENS, weightCount: 0, tokenMultiplyAdds: 0 },
    clipSkips: { least: 1, most: 1 },
    vocabularyFolder: null,
    readCaption: (caption) => promptOf(config, caption),
    encode(prompts) {
      const all = new Map([...prompts].map((prompt) => [prompt, encoded(prompt)]));
      return Promise.resolve({ tokens: TOKENS, prompts: all });
    },
    openSoftTokens() {
      throw new AppError(
        'model.unsupported',
        'the model is asked by classes, not in words: there is no token whose embedding could be learnt.',
      );
    },
    pool(prompts) {
      const pooled = [...prompts].map((prompt) => [prompt, unit(classContext(config, prompt))]);
      return Promise.resolve(new Map(pooled as [string, Float32Array][]));
    },
    unconditional: (prompts, negativePrompt = '') => requireEncoded(prompts, negativePrompt),
    promptEnds: () => Promise.resolve(() => ({ last: 0, rest: 0 })),
    blank: () => ({ context: new Float32Array(width).fill(1 / width), pooled: null }),
  };
}

/** Of length 1; all the same number where there is no direction. */
function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector);
  if (length === 0) return vector.fill(vector.length ** -0.5);
  return vector.map((value) => value / length);
}
