import path from 'node:path';

import { AppError } from '../../../errors.ts';
import type { TensorSource } from './named-shapes.ts';
import { UNET_PREFIX } from './unet-layout.ts';

/** What a numbered part of the UNet is, by the first word of its tensors' names. */
const kinds = {
  in_layers: 'residual',
  emb_layers: 'residual',
  out_layers: 'residual',
  skip_connection: 'residual',
  op: 'resampling',
  conv: 'resampling',
  norm: 'transformer',
  proj_in: 'transformer',
  proj_out: 'transformer',
  transformer_blocks: 'transformer',
} as const;

type ModuleKind = (typeof kinds)[keyof typeof kinds];

/** A numbered part, the first word of what lies in it, and the number after that. */
const moduleName =
  /^((?:(?:input|output)_blocks\.\d+|middle_block|up_blocks\.0\.attentions)\.\d+)\.(\w+)\.(\d+)?/;

/** The numbered parts of a UNet as far as the names of its tensors tell, whole or not. */
export class UnetModules {
  /** Kinds by keys, as in a checkpoint below the prefix. */
  private readonly kinds = new Map<string, ModuleKind>();
  /** Transformer blocks by keys of transformers. */
  private readonly depths = new Map<string, number>();

  /** @throws AppError `model.unsupported` for attention without text */
  constructor({ path: filePath, tensors }: TensorSource) {
    for (const name of tensors.keys()) {
      if (!name.startsWith(UNET_PREFIX)) continue;
      const [, key, word, index] = moduleName.exec(name.slice(UNET_PREFIX.length)) ?? [];
      if (key === undefined || word === undefined) continue;
      if (word === 'qkv') {
        throw new AppError(
          'model.unsupported',
          `checkpoint "${path.basename(filePath)}": "${UNET_PREFIX}${key}" is an attention layer without text, as in unconditional latent diffusion. Stable Diffusion models are supported.`,
        );
      }
      if (!isKnown(word)) continue;
      this.kinds.set(key, kinds[word]);
      const depth = word === 'transformer_blocks' ? Number(index) + 1 : 1;
      if (kinds[word] === 'transformer') {
        this.depths.set(key, Math.max(depth, this.depth(key)));
      }
    }
  }

  has(key: string, kind: ModuleKind): boolean {
    return this.kinds.get(key) === kind;
  }

  /** Transformer blocks in there; 0 where there is no transformer. */
  depth(key: string): number {
    return this.depths.get(key) ?? 0;
  }

  /** Key of one that has the width of the context: all of them have the same. */
  firstTransformer(): string | undefined {
    const [key] = this.depths.keys();
    return key;
  }

  /** Numbers of the blocks of which there is any part, ascending; of the first convolution too. */
  blockNumbers(side: 'input_blocks' | 'output_blocks'): number[] {
    const numbers = new Set(side === 'input_blocks' ? [0] : []);
    for (const key of this.kinds.keys()) {
      if (key.startsWith(`${side}.`)) numbers.add(Number(key.split('.')[1]));
    }
    return [...numbers].sort((a, b) => a - b);
  }

  /** Whether some transformers have the names that diffusers gives them. */
  isUnfinished(): boolean {
    return this.kinds.has('up_blocks.0.attentions.0');
  }
}

function isKnown(word: string): word is keyof typeof kinds {
  return Object.hasOwn(kinds, word);
}
