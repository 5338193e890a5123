import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { Architecture } from '../../src/families/stable-diffusion/architecture.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { shownLayer } from '../../src/families/stable-diffusion/context-state.ts';
import type { NamedShape } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import { unetShapes } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { vaeShapes } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import { layOut, makeFolder, readGoldenHeader, writeZeros } from './safetensors-fixtures.ts';
import { sd1Shapes, sdxlShapes, textShapes, unet, vae } from './small-checkpoints.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const tinyYaml = `
model:
  params:
    unet_config: {params: {num_heads: 8}}
    cond_stage_config: {params: {version: tiny-clip}}
`;

async function architectureOf(
  shapes: Iterable<NamedShape>,
  { yaml, clip }: { yaml?: string; clip?: object } = {},
): Promise<Architecture> {
  const folder = await makeFolder();
  if (yaml !== undefined) await writeFile(path.join(folder, 'model.yaml'), yaml);
  if (clip) {
    await mkdir(path.join(folder, 'tiny-clip'));
    await writeFile(path.join(folder, 'tiny-clip/config.json'), JSON.stringify(clip));
  }
  const file = await writeZeros(path.join(folder, 'model.safetensors'), layOut(shapes));
  const checkpoint = await openCheckpoint(file);
  await checkpoint.file.close();
  return asStableDiffusion(checkpoint).architecture;
}

function* sd2Shapes(): Generator<NamedShape> {
  yield* unetShapes({ ...unet, useLinearProjection: true });
  yield* textShapes('openclip', 'cond_stage_model.model.', 1024);
  yield* vaeShapes(vae);
}

const without = (shapes: Iterable<NamedShape>, pattern: RegExp) =>
  [...shapes].filter(([name]) => !pattern.test(name));

/** Another number of rows in the tables of tokens or positions. */
const withRows = (shapes: Iterable<NamedShape>, table: string, rows: number) =>
  [...shapes].map(([name, shape]): NamedShape =>
    name.endsWith(`${table}_embedding.weight`) ? [name, [rows, ...shape.slice(1)]] : [name, shape],
  );

/** An LDM config that says something of the text encoder. */
const ldm = (layer: string) => `model: {params: {cond_stage_config: {params: {${layer}}}}}`;
const sgm = (first: string, second: string) =>
  `model: {params: {conditioner_config: {params: {emb_models: [{params: {${first}}}, {params: {${second}}}]}}}}`;

const missingNothing = { clipSkip: 2, storedLayers: 24, layers: 24, isNormalized: true };

describe('the layers of a text encoder in a single file', () => {
  it.each<[string, Iterable<NamedShape>, object[], string?]>([
    ['SD 1.x', sd1Shapes(), [{ clipSkip: 1, layers: 12, storedLayers: 12, isNormalized: true }]],
    ['SD 2.x', sd2Shapes(), [missingNothing]],
    [
      'SD 2.x without the 24th, as diffusers and kohya write it',
      without(sd2Shapes(), /resblocks\.23\./),
      [{ ...missingNothing, storedLayers: 23 }],
    ],
    [
      'SD 2.x with a config that wants the last',
      sd2Shapes(),
      [{ ...missingNothing, clipSkip: 1 }],
      ldm('layer: last'),
    ],
    ['SD 2.x with its own config', sd2Shapes(), [missingNothing], ldm('layer: penultimate')],
    [
      'SDXL without the 12th of the first and the norm after it',
      without(sdxlShapes(), /embedders\.0\..*(layers\.11|final_layer_norm)\./),
      [
        { clipSkip: 2, layers: 12, storedLayers: 11, isNormalized: false, hasFinalNorm: false },
        { clipSkip: 2, layers: 32, storedLayers: 32, isNormalized: false },
      ],
    ],
    [
      'SDXL with its own config',
      sdxlShapes(),
      [{ clipSkip: 2 }, { clipSkip: 2 }],
      sgm('layer: hidden, layer_idx: 11', 'layer: penultimate, always_return_pooled: true'),
    ],
  ])('are those that hosts show the UNet: %s', async (_what, shapes, encoders, yaml) => {
    const { textEncoders, assumptions } = await architectureOf(
      shapes,
      yaml === undefined ? {} : { yaml },
    );
    expect(textEncoders).toMatchObject(encoders);
    expect(assumptions.join(' ')).not.toMatch(/text encoder's|whole with/i);
  });

  it('may be 11 of 12, for clip skip 2, which is said', async () => {
    const { textEncoders, assumptions } = await architectureOf(
      without(sd1Shapes(), /layers\.11\./),
    );
    expect(textEncoders).toMatchObject([{ clipSkip: 2, storedLayers: 11, isNormalized: true }]);
    expect(assumptions.join(' ')).toMatch(/last layer is skipped.*clip skip 2.*11 of 12/);
    const shown = [1, 2, 3].map((wished) => shownLayer(textEncoders[0]!, wished));
    expect(shown).toEqual([2, 2, 3]);
  });

  it('are those of the config beside a model of its own size', async () => {
    const { infos } = await readGoldenHeader('tiny-sd');
    const shapes = infos.map(({ name, shape }): NamedShape => [name, shape]);
    const clip = { hidden_size: 64, num_attention_heads: 4, num_hidden_layers: 1 };
    const { textEncoders } = await architectureOf(shapes, { yaml: tinyYaml, clip });
    expect(textEncoders).toMatchObject([{ layers: 1, storedLayers: 1, clipSkip: 1 }]);
    await expect(
      architectureOf(shapes, { yaml: tinyYaml, clip: { ...clip, num_hidden_layers: 3 } }),
    ).rejects.toThrow(
      /config\.json" gives num_hidden_layers 3, but "model.*" has 2.*set num_hidden/,
    );
  });

  it.each<[string, Iterable<NamedShape>, RegExp, string?]>([
    ['10 of SD 1.x', without(sd1Shapes(), /layers\.1[01]\./), /has 10 of 12 layers/],
    ['22 of SD 2.x', without(sd2Shapes(), /resblocks\.2[23]\./), /has 22 of 24 layers/],
    [
      '23 of SD 2.x where the last is wanted',
      without(sd2Shapes(), /resblocks\.23\./),
      /has 23 of 24 layers/,
      ldm('layer: last'),
    ],
    [
      '10 of the first of SDXL',
      without(sdxlShapes(), /embedders\.0\..*layers\.1[01]\./),
      /embedders\.0\..*has 10 of 12 layers/,
    ],
    [
      '31 of the second of SDXL, whose last makes the whole of a prompt',
      without(sdxlShapes(), /resblocks\.31\./),
      /embedders\.1\..*has 31 of 32 layers/,
    ],
    ['a gap', without(sd1Shapes(), /layers\.5\./), /lacks the tensor ".*layers\.5\./],
    [
      'no norm after the last',
      without(sd1Shapes(), /final_layer_norm/),
      /lacks the tensor ".*final_layer_norm/,
    ],
    [
      'another layer of SD 1.x',
      sd1Shapes(),
      /model\.yaml" sets layer .*hidden, 11/,
      ldm('layer: hidden, layer_idx: 11'),
    ],
    [
      'another layer of SDXL',
      sdxlShapes(),
      /sets layer .*hidden, 10 for text encoder 1/,
      sgm('layer: hidden, layer_idx: 10', 'layer: penultimate'),
    ],
  ])('are refused: %s', async (_what, shapes, message, yaml) => {
    const beside = yaml === undefined ? {} : { yaml };
    await expect(architectureOf(shapes, beside)).rejects.toMatchObject({
      exitStatus: 3,
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([
    ['words of another language', withRows(sd1Shapes(), 'token', 32000), /32000 words.*49408/],
    ['words that it does not name', withRows(sd1Shapes(), 'token', 49409), /49409 words/],
    ['too few places', withRows(sd1Shapes(), 'position', 64), /64 tokens.*prompts have 77/],
  ])('do not help a text encoder with %s', async (_what, shapes, message) => {
    await expect(architectureOf(shapes)).rejects.toThrow(message);
  });
});
