import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeAll, expect, it } from 'vitest';

import { timestepEmbedding } from '../../src/diffusion/timestep-embedding.ts';
import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { unetShapes } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { vaeShapes } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { addedConditions } from '../../src/families/stable-diffusion/added-condition.ts';
import type { EncodedPromptSet } from '../../src/families/encoded-prompt.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { unet, vae } from '../checkpoint/small-checkpoints.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { drawWeights } from '../helpers/model-reference.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const facts = readGoldenJson('sdxl.json') as {
  readonly weight_seed: number;
  /** Height and width, in pixels. */
  readonly image: readonly [number, number];
  readonly prompts: readonly string[];
  readonly shapes: Readonly<Record<string, Shape>>;
};
const read = readGoldenTensors('sdxl.safetensors');
const expected = (name: string) => Float32Array.from(read(name));
const admInChannels = 48 + 6 * 16;

/** The LDM config names the first text encoder's, which is none of the usual size. */
const config = `
model:
  params:
    cond_stage_config: { params: { version: tiny-clip } }
`;

/** What SDXL does not use of its first text encoder: converters leave it out. */
const unused = /embedders\.0\..*(layers\.2|final_layer_norm)\./;

let checkpoint: Checkpoint;
let encoded: EncodedPromptSet;

beforeAll(async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'sdxl-'));
  const file = path.join(folder, 'tiny-xl.safetensors');
  const others = Object.fromEntries([
    ...unetShapes({ ...unet, contextDim: 80, admInChannels, useLinearProjection: true }),
    ...vaeShapes(vae),
  ]);
  const shapes = { ...facts.shapes, ...others };
  const values = [
    ...drawWeights(facts.weight_seed, facts.shapes),
    ...drawWeights(1, others),
  ].filter(([name]) => !unused.test(name));
  const entries = values.map(([name, elements]) => ({
    name,
    shape: shapes[name]!,
    elements: () => Promise.resolve(elements),
  }));
  await writeTensorFile(file, entries, {});
  await writeFile(path.join(folder, 'tiny-xl.yaml'), config);
  await mkdir(path.join(folder, 'tiny-clip'));
  const settings = {
    ...{ hidden_size: 16, num_attention_heads: 2, num_hidden_layers: 3 },
    hidden_act: 'quick_gelu',
  };
  await writeFile(path.join(folder, 'tiny-clip/config.json'), JSON.stringify(settings));
  checkpoint = await openCheckpoint(file);
  encoded = await checkpoint.condition.encode(facts.prompts, { device: 'cpu', threads: 1 });
  return async () => {
    await checkpoint.file.close();
    await rm(folder, { recursive: true });
  };
}, 60_000);

it('is known for an SDXL model that a concept can be erased from', () => {
  expect(asStableDiffusion(checkpoint).architecture).toMatchObject({
    family: 'sdxl',
    unet: { admInChannels, useLinearProjection: true },
    textEncoders: [
      { hiddenSize: 16, layers: 3, storedLayers: 2, hasFinalNorm: false },
      { hiddenSize: 64, layers: 3, storedLayers: 3, layout: 'openclip' },
    ],
    vae: { scaleFactor: 0.13025 },
    refusal: null,
  });
});

it('encodes prompts with both text encoders as diffusers does', () => {
  expect(encoded.tokens).toBe(77);
  facts.prompts.forEach((prompt, i) => {
    const { context, pooled } = encoded.prompts.get(prompt)!;
    expect(relativeError(context, expected(`context.${i}`))).toBeLessThan(1e-5);
    expect(relativeError(pooled!, expected(`pooled.${i}`))).toBeLessThan(1e-5);
  });
});

it('is not moved by clip skip 2, which it has by itself, and takes the whole prompt from the last layer', async () => {
  const [prompt] = facts.prompts;
  const encode = async (clipSkip: number) => {
    const settings = { device: 'cpu', threads: 1, clipSkip } as const;
    return (await checkpoint.condition.encode([prompt!], settings)).prompts.get(prompt!)!;
  };
  expect(await encode(2)).toEqual(encoded.prompts.get(prompt!));
  const earlier = await encode(3);
  expect(relativeError(earlier.context, expected('context.0'))).toBeGreaterThan(0.1);
  expect(relativeError(earlier.pooled!, expected('pooled.0'))).toBeLessThan(1e-5);
});

it('tells the UNet of the whole prompt and of the sizes as diffusers does', () => {
  const [height, width] = facts.image;
  const prompts = facts.prompts.map((prompt) => encoded.prompts.get(prompt)!);
  const y = addedConditions(prompts, { channels: admInChannels, size: { height, width } });
  prompts.forEach((_, i) => {
    const row = y.subarray(i * admInChannels, (i + 1) * admInChannels);
    expect(relativeError(row, expected(`y.${i}`))).toBeLessThan(1e-5);
  });
});

it('tells it of a given picture how large it was, and what was cut off above and to the left', () => {
  const [height, width] = facts.image;
  const prompts = [0, 1].map(() => encoded.prompts.get(facts.prompts[0]!)!);
  const framing = { original: { height: 200, width: 300 }, top: 0, left: 25 };
  const settings = { channels: admInChannels, size: { height, width } };
  const y = addedConditions(prompts, { ...settings, framings: [framing, null] });
  const sizes = timestepEmbedding([200, 300, 0, 25, height, width], 16);
  expect(y.subarray(48, admInChannels)).toEqual(sizes);
  const drawn = addedConditions(prompts.slice(1), settings);
  expect(y.subarray(admInChannels)).toEqual(drawn);
});

it('counts only the first 75 tokens of a long prompt into the whole', async () => {
  const long = `${'a cat '.repeat(40)}and a dog`;
  const { tokens, prompts } = await checkpoint.condition.encode([long, 'a cat '.repeat(40)], {
    device: 'cpu',
    threads: 1,
  });
  const [one, other] = [...prompts.values()];
  expect(tokens).toBe(2 * 77);
  expect(one!.context).toHaveLength(tokens * 80);
  expect(one!.context).not.toEqual(other!.context);
  expect(one!.pooled).toEqual(other!.pooled);
});
