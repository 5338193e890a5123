import { describe, expect, it } from 'vitest';

import { createClipTokenizer } from '../../src/tokenizer/clip-tokenizer.ts';
import {
  CLIP_DIGEST,
  loadClipVocabulary,
  vocabularyDigest,
} from '../../src/tokenizer/clip-vocabulary.ts';
import { readGoldenJson } from '../helpers/golden-tensors.ts';

interface Row {
  text: string;
  ids: number[];
  openaiIds?: number[];
  ftfyChanges?: boolean;
}

const { prompts } = readGoldenJson('tokenizer.json') as { prompts: Row[] };
const tokenizer = createClipTokenizer();

describe('createClipTokenizer', () => {
  it('gives the ids of transformers for every prompt of the reference', () => {
    expect(prompts).toHaveLength(200);
    for (const { text, ids } of prompts) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
    }
  });

  it('gives the ids of openai/CLIP wherever ftfy leaves the text alone, but for a final sigma', () => {
    const different = prompts.filter((row) => !row.ftfyChanges && row.openaiIds);
    expect(different.map((row) => row.text)).toEqual(['ΑΣ ΟΔΟΣ ς']);
  });

  it('gives no ids for an empty or blank text', () => {
    expect(tokenizer.encode('')).toEqual([]);
    expect(tokenizer.encode(' \n\t ')).toEqual([]);
  });

  it('survives half of a surrogate pair', () => {
    expect(tokenizer.encode('\ud800 a').at(-1)).toBe(320);
  });
});

describe('loadClipVocabulary', () => {
  it('has one id for each of the 49408 tokens, in their known order', () => {
    const { vocab, merges } = loadClipVocabulary();
    expect(merges).toHaveLength(48894);
    expect(Object.keys(vocab)).toHaveLength(49408);
    expect(vocabularyDigest({ vocab, merges })).toBe(CLIP_DIGEST);
    expect(vocab[',</w>']).toBe(tokenizer.commaId);
    expect(vocab['<|startoftext|>']).toBe(49406);
    expect(vocab['<|endoftext|>']).toBe(49407);
  });
});
