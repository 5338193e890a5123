import path from 'node:path';

import { AppError } from '../../errors.ts';
import { CLIP_WORDS } from '../../tokenizer/clip-vocabulary.ts';
import { clipTokenizerConfig, type TokenizerConfig } from '../../tokenizer/tokenizer-config.ts';
import type { ClipTextConfig } from './layout/clip-text-layout.ts';
import type { TensorSource } from './layout/named-shapes.ts';

/** What a diffusers folder says of its tokenizer. */
export interface ModelTokenizer extends Omit<TokenizerConfig, 'length'> {
  /** Its folder, for messages. */
  readonly folder: string;
  /** Ids at once that it states; null where it leaves them to the text encoder. */
  readonly length: number | null;
  /** One more than its highest id. */
  readonly idCount: number;
  /** Whether the folder has no vocabulary, so that CLIP's is supposed. */
  readonly isSupposed: boolean;
}

/**
 * The tokenizer of a text encoder: the model's own, or CLIP's where it has none.
 *
 * @param known `tokenizer` is the model's own, `padId` what is filled up with otherwise; `assumptions` takes what is supposed, in sentences.
 * @throws AppError `model.unsupported` if its ids do not fit the text encoder, `checkpoint.config` if
 *   it takes more of them at once
 */
export function fittingTokenizer(
  source: TensorSource,
  config: ClipTextConfig,
  known: { tokenizer: ModelTokenizer | null; padId: number; assumptions: string[] },
): TokenizerConfig {
  const { tokenizer, padId: usualPadId, assumptions } = known;
  requireWords(source, config, tokenizer);
  requirePlaces(source, config, tokenizer);
  if (!tokenizer) return { ...clipTokenizerConfig, padId: usualPadId };
  const { vocabulary, startId, endId, isSupposed, length } = tokenizer;
  if (isSupposed) {
    assumptions.push("The words are those of CLIP's vocabulary (the folder brings none).");
  }
  const padId = isSupposed ? usualPadId : tokenizer.padId;
  return { vocabulary, startId, endId, padId, length: length ?? clipTokenizerConfig.length };
}

function requireWords(
  source: TensorSource,
  { vocabSize }: ClipTextConfig,
  tokenizer: ModelTokenizer | null,
): void {
  const encoder = `the text encoder of "${path.basename(source.path)}" has ${vocabSize} words (vocab_size)`;
  const isOwn = tokenizer?.isSupposed === false;
  if (isOwn ? tokenizer.idCount <= vocabSize : vocabSize === CLIP_WORDS) return;
  if (isOwn) {
    throw new AppError(
      'model.unsupported',
      `"${tokenizer.folder}" has words up to number ${tokenizer.idCount - 1}, but ${encoder}: they do not belong together. Use a complete copy of the model.`,
    );
  }
  const [reason, remedy] = tokenizer
    ? [
        `"${tokenizer.folder}" does not say which`,
        'Add vocab.json and merges.txt, or tokenizer.json',
      ]
    : [
        'a single file does not say which',
        'Use the model as a diffusers folder with its tokenizer',
      ];
  throw new AppError(
    'model.unsupported',
    `${encoder}, not the ${CLIP_WORDS} of CLIP, and ${reason}. ${remedy}.`,
  );
}

function requirePlaces(
  source: TensorSource,
  { maxPositions }: ClipTextConfig,
  tokenizer: ModelTokenizer | null,
): void {
  const length = tokenizer?.length ?? clipTokenizerConfig.length;
  if (length <= maxPositions) return;
  const origin = tokenizer?.length == null ? 'usual' : `model_max_length in "${tokenizer.folder}"`;
  throw new AppError(
    'checkpoint.config',
    `the text encoder of "${path.basename(source.path)}" has places for ${maxPositions} tokens (max_position_embeddings), but prompts have ${length} (${origin}). Use a complete copy of the model.`,
  );
}
