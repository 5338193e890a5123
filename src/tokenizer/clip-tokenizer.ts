import * as huggingfaceTokenizers from '@huggingface/tokenizers';

import { BOS_ID, EOS_ID, loadClipVocabulary } from './clip-vocabulary.ts';

/** Text to token ids of CLIP. */
export interface ClipTokenizer {
  /** @returns ids without start and end tokens, of any length; empty for an empty text. */
  encode(text: string): number[];
}

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
 * The vocabulary is read at the first `encode` (about a quarter of a second). All that live at the
 * same time share it, and it goes with the last: its 200,000 strings would be most of what the
 * garbage collector looks through in every step of a training.
 */
export function createClipTokenizer(): ClipTokenizer {
  let tokenizer: Tokenizer | undefined;
  return {
    encode(text) {
      tokenizer ??= liveTokenizer();
      return tokenizer.encode(lowerCase(text), { add_special_tokens: false }).ids;
    },
  };
}

/** What is used of the library; its own declarations cannot be resolved by TypeScript's nodenext. */
interface Tokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const { Tokenizer } = huggingfaceTokenizers as unknown as {
  Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
};

function liveTokenizer(): Tokenizer {
  const tokenizer = sharedTokenizer?.deref() ?? buildTokenizer();
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

function buildTokenizer(): Tokenizer {
  const special = (id: number, content: string) => ({ id, content, special: true });
  return new Tokenizer(
    {
      added_tokens: [special(BOS_ID, '<|startoftext|>'), special(EOS_ID, '<|endoftext|>')],
      normalizer: { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
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
        unk_token: '<|endoftext|>',
        continuing_subword_prefix: '',
        end_of_word_suffix: '</w>',
        fuse_unk: false,
        ...loadClipVocabulary(),
      },
    },
    {},
  );
}
