import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { readTokenizerFolder } from '../../src/families/stable-diffusion/diffusers/tokenizer-folder.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { createClipTokenizer } from '../../src/tokenizer/clip-tokenizer.ts';
import { writeDiffusersReference } from '../helpers/diffusers-reference.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { drawWeights } from '../helpers/model-reference.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

type Files = Readonly<Record<string, unknown>>;

const facts = readGoldenJson('text-encoders.json') as {
  readonly weight_seed: number;
  readonly weight_shapes: Readonly<Record<string, Shape>>;
  readonly prompt: string;
  readonly prompts: readonly string[];
  readonly tokenizers: Readonly<Record<string, Files>>;
  readonly ids: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly cases: Readonly<Record<string, { tokenizer: string; config: object }>>;
};
const hiddenStates = readGoldenTensors('text-encoders.safetensors');
const onCpu = { device: 'cpu', threads: 1 } as const;

function writeFiles(folder: string, files: Files): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

let folder: string;

beforeAll(async () => {
  folder = await writeDiffusersReference(
    path.join(mkdtempSync(path.join(tmpdir(), 'text-encoders-')), 'model'),
  );
  rmSync(path.join(folder, 'text_encoder'), { recursive: true });
  writeFiles(path.join(folder, 'text_encoder'), {});
  const weights = drawWeights(facts.weight_seed, facts.weight_shapes);
  const entries = [...weights].map(([key, elements]) => ({
    name: key,
    shape: facts.weight_shapes[key]!,
    elements: () => Promise.resolve(elements),
  }));
  await writeTensorFile(path.join(folder, 'text_encoder/model.safetensors'), entries, {});
  return () => {
    rmSync(path.dirname(folder), { recursive: true });
  };
});

/** The folder with a case's config and tokenizer. */
async function openCase(name: string): Promise<Checkpoint> {
  const { tokenizer, config } = facts.cases[name]!;
  rmSync(path.join(folder, 'tokenizer'), { recursive: true });
  writeFiles(path.join(folder, 'tokenizer'), facts.tokenizers[tokenizer]!);
  writeFiles(path.join(folder, 'text_encoder'), { 'config.json': config });
  const checkpoint = await openCheckpoint(folder);
  onTestFinished(() => checkpoint.file.close());
  return checkpoint;
}

describe('a text encoder and a tokenizer of a folder', () => {
  it.each(Object.keys(facts.cases))('make of a prompt what transformers does: %s', async (name) => {
    const checkpoint = await openCase(name);
    expect(asStableDiffusion(checkpoint).architecture.assumptions).toEqual([]);
    const { prompts } = await checkpoint.condition.encode([facts.prompt], onCpu);
    const { context } = prompts.get(facts.prompt)!;
    const expected = Float32Array.from(hiddenStates(name));
    expect(context).toHaveLength(expected.length);
    expect(maxDifference(context, expected)).toBeLessThan(1e-4);
  });

  // transformers with fewer layers of the same weights: hidden_states[-2] and [-4] through the final norm.
  it.each([
    [2, 'fewer layers'],
    [4, 'one layer'],
  ])('are read before the last layers with clip skip %i', async (clipSkip, reference) => {
    const { condition } = await openCase('whole');
    const { prompts } = await condition.encode([facts.prompt], { ...onCpu, clipSkip });
    const expected = Float32Array.from(hiddenStates(reference));
    expect(maxDifference(prompts.get(facts.prompt)!.context, expected)).toBeLessThan(1e-4);
    expect(maxDifference(expected, hiddenStates('whole'))).toBeGreaterThan(0.1);
  });

  it('say what there is where more layers are to be skipped', async () => {
    const { condition } = await openCase('whole');
    await expect(condition.encode(['a cat'], { ...onCpu, clipSkip: 5 })).rejects.toThrow(
      'clip skip 5 does not fit this model, whose text encoder has 4 layers. Choose 1 to 4',
    );
  });

  it('tell prompts apart by added words', async () => {
    const checkpoint = await openCase('added words');
    const pooled = await checkpoint.condition.pool(['a cat', 'a <cat-toy>', 'a RedCat'], onCpu);
    const [cat, toy, red] = [...pooled.values()];
    for (const vector of pooled.values()) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    expect(toy).not.toEqual(cat);
    expect(red).not.toEqual(toy);
  });
});

describe('a tokenizer of a folder', () => {
  it.each(Object.keys(facts.tokenizers))('gives the ids of transformers: %s', async (name) => {
    const files = writeFiles(makeTemporaryFolder(), facts.tokenizers[name]!);
    const { vocabulary } = await readTokenizerFolder(files);
    const tokenizer = createClipTokenizer(vocabulary!);
    const ids = facts.prompts.map((prompt) => tokenizer.encode(prompt));
    expect(ids).toEqual(facts.ids[name]);
  });
});
