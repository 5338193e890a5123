import { BOS_ID, EOS_ID } from './clip-vocabulary.ts';

/** How a prompt's ids are framed for a text encoder. */
export interface ChunkFrame {
  readonly startId: number;
  readonly endId: number;
  /** What follows the end up to `length` ids. */
  readonly padId: number;
  /** Ids that the text encoder takes at once, start and end included. */
  readonly length: number;
}

/** How prompts become the ids of a text encoder. */
export interface TokenizerConfig extends ChunkFrame {
  /** SHA-256 of the model's own vocabulary; null where it is CLIP's, which the program brings. */
  readonly vocabulary: string | null;
}

/** CLIP's tokenizer as SD 1.x uses it: the end repeats. */
export const clipTokenizerConfig: TokenizerConfig = {
  vocabulary: null,
  startId: BOS_ID,
  endId: EOS_ID,
  padId: EOS_ID,
  length: 77,
};
