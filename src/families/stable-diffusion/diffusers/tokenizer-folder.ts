import { createHash } from 'node:crypto';
import path from 'node:path';
import { z } from 'zod';

import {
  type AddedWord,
  BOS_ID,
  CLIP_DIGEST,
  CLIP_WORDS,
  type ClipVocabulary,
  EOS_ID,
  vocabularyDigest,
} from '../../../tokenizer/clip-vocabulary.ts';
import { clipTokenizerConfig } from '../../../tokenizer/tokenizer-config.ts';
import { readJsonConfig } from '../../../checkpoint/json-config.ts';
import type { ModelTokenizer } from '../model-tokenizer.ts';
import { readAddedWords, tokenSettings } from './added-words.ts';
import { type Expected, requireExpected, unsupported, useStableDiffusion } from './expected.ts';
import { readBaseVocabulary, readTokenizerJson } from './vocabulary-files.ts';

/** Folders of the tokenizers, by their text encoders' places. */
export const tokenizerFolders = ['tokenizer', 'tokenizer_2'] as const;

/** Files that decide which ids a prompt has, within the model's folder; it has some of them. */
export const tokenizerFiles = tokenizerFolders.flatMap((folder) =>
  [
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
    'tokenizer.json',
    'vocab.json',
    'merges.txt',
  ].map((name) => path.join(folder, name)),
);

const configExpected: Expected = {
  tokenizer_class: ['CLIPTokenizer', 'CLIPTokenizerFast', null],
  padding_side: ['right'],
  truncation_side: ['right'],
  split_special_tokens: [false],
};

/** transformers writes a number without end where a tokenizer has no limit. */
const ENDLESS = 1_000_000;

const configSchema = z.looseObject({
  ...tokenSettings,
  model_max_length: z.number().min(3).nullish(),
});

/**
 * Refuses a tokenizer of another class than CLIP's.
 *
 * @param part its name in `model_index.json`
 * @param name the class in `model_index.json`, null if it names none
 * @throws AppError `model.unsupported`
 */
export function requireTokenizerClass(indexPath: string, part: string, name: string | null): void {
  if (name === null || name === 'CLIPTokenizer' || name === 'CLIPTokenizerFast') return;
  throw unsupported(
    indexPath,
    `it names ${JSON.stringify(name.slice(0, 80))} as ${part}, where Stable Diffusion has CLIPTokenizer. ${useStableDiffusion}`,
  );
}

/**
 * What the files of a CLIP tokenizer say, as transformers' `CLIPTokenizer` reads them (5.24,
 * tokenization_utils_base.py, `_from_pretrained`).
 *
 * @param folder an absolute path; it need not exist.
 * @throws AppError `checkpoint.config`, `model.unsupported`
 */
export async function readTokenizerFolder(
  folder: string,
): Promise<{ tokenizer: ModelTokenizer; vocabulary: ClipVocabulary | null }> {
  const configPath = path.join(folder, 'tokenizer_config.json');
  const config = (await readJsonConfig(configPath, configSchema, 'a tokenizer config')) ?? {};
  requireExpected(configPath, config, configExpected);
  const { model_max_length: stated } = config;
  const length = stated == null || stated > ENDLESS ? null : Math.floor(stated);
  const json = await readTokenizerJson(folder);
  const base = await readBaseVocabulary(folder, json);
  if (!base) {
    const supposed = { ...clipTokenizerConfig, isSupposed: true, idCount: CLIP_WORDS };
    return { tokenizer: { ...supposed, folder, length }, vocabulary: null };
  }
  const inJson = json?.addedTokens ?? [];
  const words = await readAddedWords(folder, config, { vocab: base.vocab, inJson });
  const { startId, endId, padId, unknown, addedWords } = words;
  const vocabulary = { ...base, addedWords, unknown };
  const tokenizer = {
    ...{ folder, length, startId, endId, padId },
    vocabulary: digestOf(vocabulary),
    idCount: 1 + highestId(vocabulary),
    isSupposed: false,
  };
  return { tokenizer, vocabulary };
}

/** Null for CLIP's own vocabulary, which has nothing added but the start and the end of prompts. */
function digestOf(vocabulary: ClipVocabulary): string | null {
  const { addedWords, unknown } = vocabulary;
  const own = vocabularyDigest(vocabulary);
  const isFrame = ({ id }: AddedWord) => id === BOS_ID || id === EOS_ID;
  if (own === CLIP_DIGEST && addedWords.every(isFrame)) return null;
  return createHash('sha256')
    .update(JSON.stringify([own, addedWords, unknown]))
    .digest('hex');
}

function highestId({ vocab, addedWords }: ClipVocabulary): number {
  let highest = 0;
  for (const id of Object.values(vocab)) highest = Math.max(highest, id);
  return Math.max(highest, ...addedWords.map(({ id }) => id));
}
