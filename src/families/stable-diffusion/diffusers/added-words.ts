import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import type { AddedWord } from '../../../tokenizer/clip-vocabulary.ts';
import { readJsonConfig } from '../../../checkpoint/json-config.ts';

/** A token as its text, or with how it is looked for. */
const token = z.preprocess(
  (value) => (typeof value === 'string' ? { content: value } : value),
  z.object({
    content: z.string().min(1),
    normalized: z.boolean().optional(),
    special: z.boolean().optional(),
    single_word: z
      .literal(false, { error: 'single_word is true, and only false is supported' })
      .optional(),
  }),
);
type Token = z.infer<typeof token>;
const tokens = z
  .union([z.array(token), z.record(z.string(), token).transform((of) => Object.values(of))])
  .nullish();

const roles = {
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  unk_token: token.nullish(),
  pad_token: token.nullish(),
  additional_special_tokens: tokens,
  extra_special_tokens: tokens,
};
const rolesSchema = z.looseObject(roles);
const addedSchema = z.record(z.string().min(1), z.int().min(0));

/** What a `tokenizer_config.json` says of tokens. */
export const tokenSettings = {
  ...roles,
  added_tokens_decoder: z.record(z.string().regex(/^\d+$/), token).optional(),
};
export type TokenSettings = z.infer<z.ZodObject<typeof tokenSettings>>;

/** The words that a `tokenizer.json` adds to its vocabulary. */
export const addedTokens = z.array(z.intersection(z.object({ id: z.int().min(0) }), token));

/** Tokens with a role, and all that are added to a vocabulary. */
export interface TokenizerWords {
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  readonly unknown: string;
  readonly addedWords: readonly AddedWord[];
}

const defaults = {
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  unk_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
} as const;

/**
 * The tokens that a tokenizer's files add to its vocabulary and give a role, as transformers reads
 * them: `added_tokens_decoder` stands for all, else `special_tokens_map.json`, `added_tokens.json` and
 * `tokenizer.json` go one over the other. What the vocabulary lacks is numbered on from its end.
 *
 * @throws AppError `checkpoint.config` where a file gives a token another number than transformers does
 */
export async function readAddedWords(
  folder: string,
  settings: TokenSettings,
  known: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly inJson: z.infer<typeof addedTokens>;
  },
): Promise<TokenizerWords> {
  const { added_tokens_decoder: decoder } = settings;
  const given = decoder ? settings : { ...settings, ...(await readRoles(folder)) };
  const role = (name: keyof typeof defaults): Token => given[name] ?? { content: defaults[name] };
  const [start, end, unknown, pad] = [
    role('bos_token'),
    role('eos_token'),
    role('unk_token'),
    role('pad_token'),
  ];
  const extra = given.extra_special_tokens ?? given.additional_special_tokens ?? [];
  const special = [start, end, unknown, pad, ...extra];
  const stated = decoder
    ? new Map(Object.entries(decoder).map(([id, word]) => [Number(id), word]))
    : await readLegacyWords(folder, special, known.inJson);
  const words = numberWords(folder, { vocab: known.vocab, stated, special });
  const idOf = ({ content }: Token) => {
    const id = known.vocab[content] ?? words.get(content)?.id;
    if (id === undefined) throw new Error(`the special token "${content}" has no number`);
    return id;
  };
  return {
    ...{ startId: idOf(start), endId: idOf(end), padId: idOf(pad) },
    unknown: unknown.content,
    addedWords: [...words.values()],
  };
}

async function readRoles(folder: string): Promise<Partial<z.infer<typeof rolesSchema>>> {
  const file = path.join(folder, 'special_tokens_map.json');
  return (await readJsonConfig(file, rolesSchema, 'a map of special tokens')) ?? {};
}

async function readLegacyWords(
  folder: string,
  special: readonly Token[],
  inJson: z.infer<typeof addedTokens>,
): Promise<Map<number, Token>> {
  const file = path.join(folder, 'added_tokens.json');
  const listed = (await readJsonConfig(file, addedSchema, 'a list of added tokens')) ?? {};
  const isSpecial = (content: string) => special.some((other) => other.content === content);
  const words = Object.entries(listed).map(([content, id]): [number, Token] => [
    id,
    { content, special: isSpecial(content) },
  ]);
  return new Map([...words, ...inJson.map((word): [number, Token] => [word.id, word])]);
}

/** @returns by content, in the order of their numbers */
function numberWords(
  folder: string,
  {
    vocab,
    stated,
    special,
  }: {
    vocab: Readonly<Record<string, number>>;
    stated: ReadonlyMap<number, Token>;
    special: readonly Token[];
  },
): Map<string, AddedWord> {
  const words = new Map<string, AddedWord>();
  let next = Object.keys(vocab).length;
  const add = (word: Token, statedId?: number) => {
    const { content, special: isSpecial = false, normalized = !isSpecial } = word;
    if (words.has(content)) return;
    const id = vocab[content] ?? next++;
    if (statedId !== undefined && id !== statedId) {
      throw new AppError(
        'checkpoint.config',
        `"${folder}" gives the added word ${JSON.stringify(content)} the number ${statedId}, where its vocabulary makes it ${id}: vocabulary and added words are not of one tokenizer. Use a complete copy of the model.`,
      );
    }
    words.set(content, { id, content, special: isSpecial, normalized });
  };
  for (const [id, word] of [...stated].sort(([a], [b]) => a - b)) add(word, id);
  for (const word of special) add({ ...word, special: true });
  return words;
}
