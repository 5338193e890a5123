import { clipWords } from './clip-tokenizer.ts';
import { parseEmphasis } from './parse-emphasis.ts';
import { promptText } from './prompt-text.ts';

/** What separates words and tags, and says nothing itself. */
const separators = /[\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}_,;.!?"'`´…、。，]/gu;
const apostrophes = /[‘’‛ʼ´`′]/g;

/**
 * What a prompt says, word for word, whichever way it is written: as CLIP cuts it (lower case, any
 * white space), without emphasis, punctuation, `BREAK`, the networks that it names and characters that
 * nobody sees, in the compatibility form of Unicode. Prompts with the same words are the same to a
 * person, and those with the same token ids have the same words.
 *
 * @returns at least one word, unless there is nothing to encode
 */
export function promptWords(prompt: string): string[] {
  const text = parseEmphasis(promptText(prompt))
    .map((segment) => (segment.kind === 'text' ? segment.text : ' '))
    .join('');
  const seen = text
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replace(apostrophes, "'")
    .normalize('NFKC');
  const words = clipWords(seen);
  const telling = words
    .map((word) => (/^'\p{L}/u.test(word) ? word : word.replace(separators, '')))
    .filter((word) => word !== '');
  return telling.length > 0 ? telling : words;
}
