import { clipWords } from '../tokenizer/clip-tokenizer.ts';
import { parseForgetLine } from './forget-lines.ts';

/** A prompt however its letters and spaces are written: a text encoder reads the same. */
const wordsOf = (line: string) => clipWords(parseForgetLine(line).prompt).join(' ');

/** Whether a wording is among those that are trained on, so that it tells nothing when it is held back. */
export function trainedOn(lines: readonly string[]): (line: string) => boolean {
  const trained = new Set(lines.map(wordsOf));
  return (line) => trained.has(wordsOf(line));
}
