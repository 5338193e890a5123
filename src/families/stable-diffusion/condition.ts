import path from 'node:path';

import type { TensorInfo } from '../../checkpoint/safetensors-header.ts';
import { elementCount } from '../../tensor/shape.ts';
import { clipTokenizerConfig } from '../../tokenizer/tokenizer-config.ts';
import { requireEncoded } from '../encoded-prompt.ts';
import type { Condition } from '../family.ts';
import { clipConfigPath } from './clip-config.ts';
import type { Opened } from './opened.ts';

/** What the text encoders of a checkpoint make of prompts. */
export function createCondition(opened: Opened): Condition {
  const { file, architecture, ldmConfig } = opened;
  const { unet, textEncoders } = architecture;
  const version = ldmConfig?.textEncoderVersion;
  return {
    asks: { kind: 'words' },
    width: unet.contextDim,
    tokens: clipTokenizerConfig.length,
    get weightCount() {
      return countWeights(tensorsOf(opened));
    },
    get tokenMultiplyAdds() {
      return tokenMultiplyAdds(opened);
    },
    // What the encoders have in common: each skips by itself.
    clipSkips: {
      least: Math.min(...textEncoders.map(({ clipSkip }) => clipSkip)),
      most: Math.min(...textEncoders.map(({ layers }) => layers)),
    },
    // Beside the text encoder's config.
    get vocabularyFolder() {
      return version === undefined ? null : path.dirname(clipConfigPath(file.path, version));
    },
    readCaption: (caption) => caption,
    async encode(prompts, settings) {
      const { encodePrompts } = await import('./text-encoder.ts');
      return encodePrompts(opened, prompts, settings);
    },
    async openSoftTokens(settings) {
      const { openSoftTokens } = await import('./soft-tokens.ts');
      return openSoftTokens(opened, settings);
    },
    async pool(prompts, place) {
      const { poolPrompts } = await import('./pool-prompts.ts');
      return poolPrompts(opened, prompts, place);
    },
    unconditional(prompts, negativePrompt = '') {
      const prompt = requireEncoded(prompts, negativePrompt);
      if (negativePrompt !== '' || ldmConfig?.zerosEmptyPrompt !== true) return prompt;
      const { context, pooled } = prompt;
      return {
        context: new Float32Array(context.length),
        pooled: pooled && new Float32Array(pooled.length),
      };
    },
    async promptEnds() {
      const { promptEnds } = await import('./prompt-ends.ts');
      return promptEnds(opened);
    },
    blank(tokens) {
      const filled = (length: number) => new Float32Array(length).fill(0.5);
      return {
        context: filled(tokens * unet.contextDim),
        pooled: unet.admInChannels === null ? null : filled(textEncoders.at(-1)?.projection ?? 0),
      };
    },
  };
}

/** Each weight of a matrix meets each token. */
function tokenMultiplyAdds(opened: Opened): number {
  return countWeights(
    tensorsOf(opened).filter(
      ({ name, shape }) => shape.length === 2 && !name.includes('embedding'),
    ),
  );
}

function tensorsOf({ file, architecture }: Opened): TensorInfo[] {
  const prefixes = architecture.textEncoders.map(({ keyPrefix }) => keyPrefix);
  return [...file.tensors.values()].filter(({ name }) =>
    prefixes.some((prefix) => name.startsWith(prefix)),
  );
}

function countWeights(tensors: readonly TensorInfo[]): number {
  return tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
