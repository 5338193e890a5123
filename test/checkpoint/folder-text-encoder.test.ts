import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Architecture } from '../../src/families/stable-diffusion/architecture.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { loadClipVocabulary } from '../../src/tokenizer/clip-vocabulary.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

/** Contents by the files' paths in the folder; of JSON, what is set in it. */
type Changes = Readonly<Record<string, object | string>>;

const index = 'model_index.json';
const clip = 'text_encoder/config.json';
const settings = 'tokenizer/tokenizer_config.json';
const { vocab, merges } = loadClipVocabulary();
const vocabulary = {
  'tokenizer/vocab.json': vocab,
  'tokenizer/merges.txt': ['#version: 0.2', ...merges.map((pair) => pair.join(' '))].join('\n'),
};
const steps = {
  normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
  pre_tokenizer: { type: 'ByteLevel' },
};
const bpe = { type: 'BPE', end_of_word_suffix: '</w>' };
const json = { 'tokenizer/tokenizer.json': { ...steps, model: { ...bpe, vocab, merges } } };

/** Five words of another language, which take less time. */
const few = Object.fromEntries(
  ['a', 'a</w>', 'aa</w>', '<|startoftext|>', '<|endoftext|>'].map((word, id) => [word, id]),
);
const small = {
  'tokenizer/vocab.json': few,
  'tokenizer/merges.txt': '#version: 0.2\na a</w>\n',
};
const smallJson = (model: object, other: object = {}) => ({
  'tokenizer/tokenizer.json': {
    ...{ ...steps, ...other },
    model: { ...bpe, vocab: few, merges: [['a', 'a</w>']], ...model },
  },
});

let folder: string;
let originals: ReadonlyMap<string, string>;

beforeAll(() => {
  folder = writeTinySdFolder(path.join(mkdtempSync(path.join(tmpdir(), 'folder-text-')), 'tiny'));
  originals = new Map(
    [index, clip, settings].map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]),
  );
  return () => {
    rmSync(path.dirname(folder), { recursive: true });
  };
});

afterEach(() => {
  rmSync(path.join(folder, 'tokenizer'), { recursive: true });
  mkdirSync(path.join(folder, 'tokenizer'));
  for (const [name, text] of originals) writeFileSync(path.join(folder, name), text);
});

async function architectureWith(changes: Changes): Promise<Architecture> {
  for (const [name, change] of Object.entries(changes)) {
    const original = JSON.parse(originals.get(name) ?? '{}') as object;
    const text = typeof change === 'string' ? change : JSON.stringify({ ...original, ...change });
    writeFileSync(path.join(folder, name), text);
  }
  const checkpoint = await openCheckpoint(folder);
  await checkpoint.file.close();
  return asStableDiffusion(checkpoint).architecture;
}

describe('the text encoder and tokenizer of a folder', () => {
  it.each<[string, Changes]>([
    ['its vocabulary is CLIP’s', vocabulary],
    ['its vocabulary is CLIP’s in one file', json],
    ['its vocabulary is CLIP’s in both forms', { ...vocabulary, ...json }],
    [
      'of the fast class, without a limit, told to lower or not',
      {
        ...vocabulary,
        [index]: { tokenizer: ['transformers', 'CLIPTokenizerFast'] },
        [settings]: { model_max_length: 1e30, do_lower_case: false, add_prefix_space: true },
      },
    ],
    [
      'the encoder was saved as part of more, with what changes nothing',
      {
        ...vocabulary,
        [clip]: {
          ...{ architectures: ['CLIPModel'], model_type: 'clip', projection_dim: 512 },
          ...{ eos_token_id: 2, output_hidden_states: true, attention_dropout: 0.1 },
        },
      },
    ],
  ])('are taken where %s', async (_what, changes) => {
    const { textEncoders, assumptions } = await architectureWith(changes);
    const tokenizer = { vocabulary: null, startId: 49406, endId: 49407, padId: 49407, length: 77 };
    expect(textEncoders).toMatchObject([{ layers: 2, clipSkip: 1, tokenizer }]);
    // Of the scheduler, which is as silent as SD 1.5's.
    expect(assumptions).toEqual([expect.stringMatching(/taken to predict noise/)]);
  });

  it('take fewer layers as the config says', async () => {
    const { textEncoders } = await architectureWith({ [clip]: { num_hidden_layers: 1 } });
    expect(textEncoders).toMatchObject([{ layers: 1, storedLayers: 1, clipSkip: 1 }]);
  });

  it('count into the hash of the model', async () => {
    await architectureWith(small);
    const hash = await hashCheckpoint(folder);
    await architectureWith({ 'tokenizer/added_tokens.json': {} });
    expect(await hashCheckpoint(folder)).not.toBe(hash);
  });

  it.each<[string, Changes, RegExp]>([
    ['more layers', { [clip]: { num_hidden_layers: 3 } }, /num_hidden_layers 3.*has 2 layers/],
    ['hidden_act', { [clip]: { hidden_act: 'gelu_new' } }, /"gelu_new".*quick_gelu.*hidden_act/],
    [
      'vocab_size',
      { [clip]: { vocab_size: 49409 } },
      /vocab_size 49409, but its tensors have 49408/,
    ],
    [
      'max_position_embeddings',
      { [clip]: { max_position_embeddings: 248 } },
      /max_position_embeddings 248, but its tensors have 77/,
    ],
    ['intermediate_size', { [clip]: { intermediate_size: 8 } }, /intermediate_size 8/],
    ['heads', { [clip]: { num_attention_heads: 5 } }, /5 heads/],
    ['use_attention_mask', { [clip]: { use_attention_mask: true } }, /use_attention_mask to true/],
    [
      'architectures',
      { [clip]: { architectures: ['BertModel'] } },
      /architectures to \["BertModel"\]/,
    ],
    ['model_type', { [clip]: { model_type: 'xlm-roberta' } }, /model_type to "xlm-roberta"/],
    ['_class_name', { [clip]: { _class_name: 'MultiCLIP' } }, /_class_name to "MultiCLIP"/],
    [
      'quantization_config',
      { [clip]: { quantization_config: { bits: 4 } } },
      /quantization_config to \{"bits":4\}/,
    ],
    ...['T5Tokenizer', 'BertTokenizer', 'XLMRobertaTokenizerFast', 'MultiTokenCLIPTokenizer'].map(
      (name): [string, Changes, RegExp] => [
        name,
        { [index]: { tokenizer: ['transformers', name] } },
        new RegExp(`model_index.json": it names "${name}" as tokenizer`),
      ],
    ),
    [
      'an encoder of another class',
      { [index]: { text_encoder: ['alt_diffusion', 'RobertaSeriesModelWithTransformation'] } },
      /RobertaSeriesModelWithTransformation/,
    ],
    [
      'tokenizer_class',
      { [settings]: { tokenizer_class: 'BertTokenizer' } },
      /tokenizer_config\.json": it sets tokenizer_class to "BertTokenizer"/,
    ],
    ['padding_side', { [settings]: { padding_side: 'left' } }, /padding_side to "left"/],
    ['truncation_side', { [settings]: { truncation_side: 'left' } }, /truncation_side to "left"/],
    [
      'split_special_tokens',
      { [settings]: { split_special_tokens: true } },
      /split_special_tokens to true/,
    ],
    [
      'model_max_length',
      { ...small, [settings]: { model_max_length: 248 } },
      /places for 77 tokens.*prompts have 248 \(model_max_length/,
    ],
    [
      'words without rows',
      { ...small, 'tokenizer/vocab.json': { ...few, cat: 49408 } },
      /words up to number 49408.*49408 words \(vocab_size\)/,
    ],
    [
      'words of another number',
      { ...small, 'tokenizer/added_tokens.json': { '<cat>': 7 } },
      /"<cat>" the number 7, where .* 5:/,
    ],
    [
      'whole words',
      {
        ...small,
        [settings]: { added_tokens_decoder: { 5: { content: '<cat>', single_word: true } } },
      },
      /single_word is true.*added_tokens_decoder\.5/,
    ],
    ['no merges', { 'tokenizer/vocab.json': few }, /vocab\.json without merges\.txt/],
    ['no words', { 'tokenizer/merges.txt': 'a b' }, /merges\.txt without vocab\.json/],
    [
      'merges of another tokenizer',
      { ...small, 'tokenizer/merges.txt': '#version\nqq zz' },
      /merges "qq zz", but its vocabulary lacks "qqzz"/,
    ],
    [
      'broken merges',
      { ...small, 'tokenizer/merges.txt': 'a b c' },
      /merges\.txt" merges "a b c", which is not two/,
    ],
    [
      'two vocabularies',
      { ...small, ...smallJson({ merges: [] }) },
      /tokenizer\.json" has another vocabulary than vocab\.json/,
    ],
    ['a vocabulary of another kind', smallJson({ type: 'WordPiece' }), /type to "WordPiece"/],
    ['dropout', smallJson({ dropout: 0.1 }), /dropout to 0\.1/],
    [
      'other steps',
      smallJson({}, { pre_tokenizer: { type: 'BertPreTokenizer' } }),
      /pre_tokenizer to \["BertPreTokenizer"\]/,
    ],
  ])('are refused by name: %s', async (_what, changes, message) => {
    await expect(architectureWith(changes)).rejects.toMatchObject({
      exitStatus: 3,
      message: expect.stringMatching(message) as string,
    });
  });
});
