import path from 'node:path';

import type { ClipTokenizer } from './clip-tokenizer.ts';

/** What prompts call the word of an embedding's file: its name without the ending, as in web UIs. */
export function wordOf(file: string): string {
  return path.basename(file).replace(/\.(safetensors|sft|pt|pth|bin)$/i, '');
}

/** A word whose rows stand behind a text encoder's own vocabulary. */
interface NumberedWord {
  readonly name: string;
  /** Tokens that it takes. */
  readonly rows: number;
}

/** A name as its tokens, and what stands for it. */
interface Replacement {
  readonly spelled: readonly number[];
  readonly ids: readonly number[];
}

/**
 * A tokenizer that knows learned words. Where the tokens of a name stand, those of the word take their place,
 * of several names the longest one, as in AUTOMATIC1111 (`find_embedding_at_position` in
 * modules/textual_inversion of stable-diffusion-webui 1.10).
 *
 * @param firstId one more than the text encoder's highest id: the first row of the first word
 */
export function withLearnedWords(
  tokenizer: ClipTokenizer,
  words: readonly NumberedWord[],
  firstId: number,
): ClipTokenizer {
  if (words.length === 0) return tokenizer;
  const replacements: Replacement[] = [];
  let next = firstId;
  for (const { name, rows } of words) {
    const ids = Array.from({ length: rows }, (_, row) => next + row);
    replacements.push({ spelled: tokenizer.encode(name), ids });
    next += rows;
  }
  replacements.sort((a, b) => b.spelled.length - a.spelled.length);
  const lengths = new Map(replacements.map(({ ids }) => [ids[0], ids.length]));
  return {
    ...tokenizer,
    encode: (text) => replaceAll(tokenizer.encode(text), replacements),
    wholeFrom: (id) => lengths.get(id) ?? 1,
  };
}

function replaceAll(ids: readonly number[], replacements: readonly Replacement[]): number[] {
  const result: number[] = [];
  for (let at = 0; at < ids.length;) {
    const found = replacements.find(
      ({ spelled }) => spelled.length > 0 && spelled.every((id, i) => ids[at + i] === id),
    );
    result.push(...(found ? found.ids : ids.slice(at, at + 1)));
    at += found ? found.spelled.length : 1;
  }
  return result;
}
