import { describe, expect, it } from 'vitest';

import { createClipTokenizer } from '../../src/tokenizer/clip-tokenizer.ts';
import { chunkPrompt, padChunks } from '../../src/tokenizer/prompt-chunks.ts';
import { clipTokenizerConfig } from '../../src/tokenizer/tokenizer-config.ts';

const tokenizer = createClipTokenizer();
const CAT = 2368;
const COMMA = 267;
const cats = (count: number): string => 'cat '.repeat(count);
/** The tokens of each chunk, without BOS, EOS and padding. */
const tokensOf = (prompt: string): number[][] =>
  chunkPrompt(prompt, tokenizer).map(({ ids }) => ids.slice(1, ids.indexOf(49407)));

describe('chunkPrompt', () => {
  it('frames a short prompt with BOS and EOS and pads with EOS to 77 ids', () => {
    const [chunk, ...rest] = chunkPrompt('a photo of a cat', tokenizer);
    expect(rest).toEqual([]);
    expect(chunk!.ids).toEqual([
      49406,
      ...[320, 1125, 539, 320, CAT],
      ...Array<number>(71).fill(49407),
    ]);
    expect(chunk!.weights).toEqual(Array<number>(77).fill(1));
  });

  it('pads with zeros after the first EOS for OpenCLIP', () => {
    const [chunk] = chunkPrompt('cat', tokenizer, { frame: { ...clipTokenizerConfig, padId: 0 } });
    expect(chunk!.ids).toEqual([49406, CAT, 49407, ...Array<number>(74).fill(0)]);
  });

  it('gives one chunk of padding for the empty prompt', () => {
    expect(tokensOf('')).toEqual([[]]);
  });

  it('fills a chunk with 75 tokens before it starts another', () => {
    expect(tokensOf(cats(75)).map((tokens) => tokens.length)).toEqual([75]);
    expect(tokensOf(cats(76)).map((tokens) => tokens.length)).toEqual([75, 1]);
    for (const { ids, weights } of chunkPrompt(cats(200), tokenizer)) {
      expect([ids.length, weights.length]).toEqual([77, 77]);
    }
  });

  it('moves what follows a comma among the last 20 tokens into the next chunk', () => {
    const [first, second] = tokensOf(`${cats(55)}, ${cats(20)}`);
    expect(first).toEqual([...Array<number>(55).fill(CAT), COMMA]);
    expect(second).toEqual(Array<number>(20).fill(CAT));
  });

  it('cuts a phrase whose comma is further back than that', () => {
    const lengths = tokensOf(`${cats(54)}, ${cats(21)}`).map((tokens) => tokens.length);
    expect(lengths).toEqual([75, 1]);
  });

  it('puts a comma that does not fit at the start of the next chunk', () => {
    expect(tokensOf(`${cats(60)}, ${cats(14)}, dog`)[1]![0]).toBe(COMMA);
  });

  it('starts a new chunk at BREAK, and reads it as a word in a caption', () => {
    expect(tokensOf('cat BREAK cat')).toEqual([[CAT], [CAT]]);
    expect(chunkPrompt('cat BREAK cat', tokenizer, { emphasis: false })).toHaveLength(1);
  });

  it('gives each token the weight of its brackets, carried over with it to the next chunk', () => {
    const [chunk] = chunkPrompt('a (cat:1.5)', tokenizer);
    expect(chunk!.weights.slice(0, 5)).toEqual([1, 1, 1.5, 1, 1]);
    const [, second] = chunkPrompt(`${cats(60)}, (${cats(20)}:1.5)`, tokenizer);
    expect(second!.weights.slice(0, 22)).toEqual([1, ...Array<number>(20).fill(1.5), 1]);
  });
});

describe('padChunks', () => {
  it('adds chunks of the empty prompt up to the count', () => {
    const chunks = chunkPrompt('cat', tokenizer);
    expect(padChunks(chunks, 3).slice(1)).toEqual([
      ...chunkPrompt('', tokenizer),
      ...chunkPrompt('', tokenizer),
    ]);
    expect(padChunks(chunks, 1)).toEqual(chunks);
  });
});
