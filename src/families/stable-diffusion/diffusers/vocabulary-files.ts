import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import type { ClipVocabulary } from '../../../tokenizer/clip-vocabulary.ts';
import { readJsonConfig } from '../../../checkpoint/json-config.ts';
import { readConfigText } from '../../../checkpoint/read-text.ts';
import { addedTokens } from './added-words.ts';
import { type Expected, requireExpected } from './expected.ts';

/** The words of a vocabulary and the rules that they are merged by. */
export type BaseVocabulary = Pick<ClipVocabulary, 'vocab' | 'merges'>;

/** CLIP's takes 1.4 MB in two files, 4 MB in one; those of other languages five times as much. */
const MAX_VOCABULARY_BYTES = 64 * 2 ** 20;

/** No schema of a record: for 50,000 words it takes a second. */
const vocab = z.custom<Record<string, number>>(
  (value) => isRecord(value) && Object.values(value).every(isId),
  { error: 'words with their numbers are expected' },
);
const step = z.looseObject({ type: z.string() });
/** The kinds of a pipeline's steps: of one, or of a list below a name. */
const steps = (list: string) =>
  z
    .preprocess(
      (value) => (isRecord(value) && list in value ? value[list] : value),
      z.union([z.array(step), step.transform((one) => [one])]),
    )
    .transform((all) => all.map(({ type }) => type))
    .nullish();
const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab, merges: z.array(z.unknown()) }),
  normalizer: steps('normalizers'),
  pre_tokenizer: steps('pretokenizers'),
  added_tokens: addedTokens.default([]),
});

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isId(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** A `tokenizer.json`: everything in one file. */
export interface TokenizerJson extends BaseVocabulary {
  readonly addedTokens: z.infer<typeof addedTokens>;
}

/** How CLIP's own is built; its class in transformers 5 builds it so whatever the file says. */
const modelExpected: Expected = {
  type: ['BPE'],
  dropout: [null, 0],
  continuing_subword_prefix: ['', null],
  end_of_word_suffix: ['</w>'],
  byte_fallback: [false],
  ignore_merges: [false],
};
const stepsExpected: Expected = {
  normalizer: ['NFC', 'Replace', 'Lowercase'],
  pre_tokenizer: ['Split', 'ByteLevel'],
};

/**
 * A folder's `tokenizer.json`; undefined if there is none.
 *
 * @throws AppError `checkpoint.config`, `model.unsupported` if it is no CLIP tokenizer
 */
export async function readTokenizerJson(folder: string): Promise<TokenizerJson | undefined> {
  const file = path.join(folder, 'tokenizer.json');
  const what = "a CLIP tokenizer's tokenizer.json";
  const json = await readJsonConfig(file, tokenizerSchema, what, MAX_VOCABULARY_BYTES);
  if (!json) return undefined;
  const { model } = json;
  requireExpected(file, model, modelExpected);
  requireExpected(file, json, stepsExpected);
  // A rule is a pair, or in older files a text.
  const rules = model.merges.map((rule) => (Array.isArray(rule) ? rule.join(' ') : String(rule)));
  return {
    vocab: model.vocab,
    merges: parseMerges(rules, file),
    addedTokens: json.added_tokens,
  };
}

/**
 * The vocabulary of a folder, from `tokenizer.json` or `vocab.json` and `merges.txt`; undefined if it
 * has none. Where it has both, hosts take one or the other: they must say the same.
 *
 * @throws AppError `checkpoint.config`
 */
export async function readBaseVocabulary(
  folder: string,
  json: TokenizerJson | undefined,
): Promise<BaseVocabulary | undefined> {
  const files = await readVocabularyFiles(folder);
  const base = json ?? files;
  if (!base) return undefined;
  if (json && files && !isSameVocabulary(json, files)) {
    throw new AppError(
      'checkpoint.config',
      `"${path.join(folder, 'tokenizer.json')}" has another vocabulary than vocab.json and merges.txt beside it, and hosts take one or the other. Remove what does not belong to the model.`,
    );
  }
  const { vocab: words, merges } = base;
  const orphan = merges.find((pair) => words[pair.join('')] === undefined);
  if (orphan) {
    throw new AppError(
      'checkpoint.config',
      `"${folder}" merges ${JSON.stringify(orphan.join(' '))}, but its vocabulary lacks ${JSON.stringify(orphan.join(''))}: words and merges are not of one tokenizer. Use a complete copy of the model.`,
    );
  }
  return { vocab: words, merges };
}

async function readVocabularyFiles(folder: string): Promise<BaseVocabulary | undefined> {
  const rules = path.join(folder, 'merges.txt');
  const words = await readJsonConfig(
    path.join(folder, 'vocab.json'),
    vocab,
    'a vocabulary',
    MAX_VOCABULARY_BYTES,
  );
  const text = await readConfigText(rules, MAX_VOCABULARY_BYTES);
  if (!words && text === undefined) return undefined;
  if (words && text !== undefined) {
    // The first line has the version.
    const lines = text.split(/\r?\n/).filter((line) => line && !line.startsWith('#version'));
    return { vocab: words, merges: parseMerges(lines, rules) };
  }
  const [found, missing] = words ? ['vocab.json', 'merges.txt'] : ['merges.txt', 'vocab.json'];
  throw new AppError(
    'checkpoint.config',
    `"${folder}" has ${found} without ${missing}. Use a complete copy of the model.`,
  );
}

/** Two tokens a rule, the most frequent first. */
function parseMerges(rules: readonly string[], file: string): [string, string][] {
  return rules.map((rule) => {
    const [left, right, ...rest] = rule.split(' ');
    if (left && right && rest.length === 0) return [left, right];
    throw new AppError(
      'checkpoint.config',
      `"${file}" merges ${JSON.stringify(rule.slice(0, 80))}, which is not two tokens. Copy or download it again.`,
    );
  });
}

function isSameVocabulary(a: BaseVocabulary, b: BaseVocabulary): boolean {
  const words = Object.entries(a.vocab);
  return (
    words.length === Object.keys(b.vocab).length &&
    words.every(([word, id]) => b.vocab[word] === id) &&
    a.merges.length === b.merges.length &&
    a.merges.every(([left, right], i) => b.merges[i]?.[0] === left && b.merges[i][1] === right)
  );
}
