import * as huggingfaceTokenizers from '@huggingface/tokenizers';

import { type ClipVocabulary, loadClipVocabulary } from './clip-vocabulary.ts';

/** Text to token ids of CLIP. */
export interface ClipTokenizer {
  /** @returns ids without start and end tokens, of any length; empty for an empty text. */
  encode(text: string): number[];
  /** A comma that ends a word: where a long prompt may be cut; undefined if there is no such token. */
  readonly commaId: number | undefined;
  /** How many ids from this one on are one word, which is not cut. Default: the one. */
  wholeFrom?(id: number): number;
}

/** CLIP's `,</w>`. */
const COMMA_ID = 267;

/** How CLIP cuts text before merging: contractions, runs of letters, single digits, the rest. */
const WORD_PATTERN =
  "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

/**
 * A tokenizer with the ids of transformers' `CLIPTokenizer`, which is what Stable Diffusion, and so
 * every host, feeds its text encoder.
 *
 * openai/CLIP's own tokenizer first repairs text with ftfy (curly quotes, ligatures, HTML entities,
 * full-width letters) and then gives other ids for such text; transformers does so only where ftfy
 * happens to be installed, its fast tokenizer never. The two also differ in a word-final capital
 * sigma. Text that ftfy leaves alone gets the same ids from all of them.
 *
 * CLIP's vocabulary is read at the first `encode` (about a quarter of a second). All that live at the
 * same time share it, and it goes with the last: its 200,000 strings would be most of what the
 * garbage collector looks through in every step of a training.
 *
 * @param own the model's own vocabulary, where it has another than CLIP's.
 */
export function createClipTokenizer(own?: ClipVocabulary): ClipTokenizer {
  if (own) return createOwnTokenizer(own);
  let tokenizer: Tokenizer | undefined;
  return {
    commaId: COMMA_ID,
    encode(text) {
      tokenizer ??= liveTokenizer();
      return tokenizer.encode(text, { add_special_tokens: false }).ids;
    },
  };
}

function createOwnTokenizer(vocabulary: ClipVocabulary): ClipTokenizer {
  const tokenizer = buildTokenizer(vocabulary);
  const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
  const spelledOut = spellOutVectors(vocabulary);
  return {
    commaId: vocabulary.vocab[',</w>'],
    encode(text) {
      if (spelledOut.size === 0) return encode(text);
      let whole = text;
      for (const id of new Set(encode(text))) {
        const words = spelledOut.get(id);
        if (words) whole = whole.replaceAll(words[0] ?? '', words.join(' '));
      }
      return encode(whole);
    },
  };
}

/**
 * The words that stand for an added one, itself the first, by its id: a textual inversion of several
 * vectors is added as `word`, `word_1`, `word_2`, and asked for as `word`.
 * (huggingface/diffusers, src/diffusers/loaders/textual_inversion.py, `_maybe_convert_prompt`)
 */
function spellOutVectors({ addedWords }: ClipVocabulary): Map<number, string[]> {
  const known = new Set(addedWords.map(({ content }) => content));
  const spelledOut = new Map<number, string[]>();
  for (const { content, id } of addedWords) {
    const words = [content];
    while (known.has(`${content}_${words.length}`)) words.push(`${content}_${words.length}`);
    if (words.length > 1) spelledOut.set(id, words);
  }
  return spelledOut;
}

/** What is used of the library; its own declarations cannot be resolved by TypeScript's nodenext. */
interface Tokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const { Tokenizer } = huggingfaceTokenizers as unknown as {
  Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
};

function liveTokenizer(): Tokenizer {
  const tokenizer = sharedTokenizer?.deref() ?? buildTokenizer(loadClipVocabulary());
  sharedTokenizer = new WeakRef(tokenizer);
  return tokenizer;
}

let sharedTokenizer: WeakRef<Tokenizer> | undefined;

/**
 * Lower case one code point at a time, as the reference does: JavaScript's own rule for a sigma at
 * the end of a word looks at its neighbours.
 */
function lowerCase(text: string): string {
  return Array.from(text.normalize('NFC'), (character) => character.toLowerCase()).join('');
}

/** The pieces of a text, in lower case, that are encoded each on its own: the same ones, the same ids. */
export function clipWords(text: string): string[] {
  return lowerCase(text).match(new RegExp(WORD_PATTERN, 'gu')) ?? [];
}

function buildTokenizer({ vocab, merges, addedWords, unknown }: ClipVocabulary): Tokenizer {
  return new Tokenizer(
    {
      added_tokens: addedWords,
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'NFC' },
          { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
          // The reference lowers each letter by itself, JavaScript looks at a sigma's neighbours.
          { type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' },
          { type: 'Lowercase' },
        ],
      },
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: WORD_PATTERN }, behavior: 'Removed', invert: true },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
        ],
      },
      post_processor: null,
      decoder: { type: 'ByteLevel' },
      model: {
        type: 'BPE',
        unk_token: unknown,
        continuing_subword_prefix: '',
        end_of_word_suffix: '</w>',
        fuse_unk: false,
        vocab,
        merges,
      },
    },
    {},
  );
}
