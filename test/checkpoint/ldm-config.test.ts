import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  clipConfigPath,
  clipLargeSettings,
  readClipSettings,
} from '../../src/families/stable-diffusion/clip-config.ts';
import { parseLdmConfig, readLdmConfig } from '../../src/families/stable-diffusion/ldm-config.ts';
import { makeFolder } from './safetensors-fixtures.ts';

/** The parts of CompVis' v1-inference.yaml that matter, with some that do not. */
const v1Yaml = `
model:
  base_learning_rate: 1.0e-04
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    linear_start: 0.00085
    linear_end: 0.0120
    timesteps: 1000
    scale_factor: 0.18215
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        in_channels: 4
        model_channels: 320
        num_heads: 8
        context_dim: 768
    first_stage_config:
      params:
        ddconfig: {ch: 128, z_channels: 4, ch_mult: [1, 2, 4, 4]}
    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenCLIPEmbedder
`;

describe('an LDM config', () => {
  it('may be written as Windows does, and is refused by name where it is no text', async () => {
    const folder = await makeFolder();
    const file = path.join(folder, 'a.yaml');
    await writeFile(file, Buffer.from(`\ufeff${v1Yaml.replaceAll('\n', '\r\n')}`, 'utf16le'));
    expect(await readLdmConfig(path.join(folder, 'a.safetensors'))).toMatchObject({
      scaleFactor: 0.18215,
    });
    await writeFile(file, Buffer.from('# caf\xe9', 'latin1'));
    await expect(readLdmConfig(path.join(folder, 'a.safetensors'))).rejects.toMatchObject({
      code: 'checkpoint.config',
      message: expect.stringMatching(/a\.yaml" is not UTF-8 text.*save it as UTF-8/) as string,
    });
  });

  it('tells head counts, schedule and scale', () => {
    const config = parseLdmConfig(v1Yaml, 'a.yaml');
    expect(config).toMatchObject({
      statements: [],
      linearStart: 0.00085,
      linearEnd: 0.012,
      timesteps: 1000,
      scaleFactor: 0.18215,
      unet: { num_heads: 8, model_channels: 320 },
      vae: { ddconfig: { ch: 128 } },
      textEncoderVersion: undefined,
    });
  });

  it('tells what the model predicts', () => {
    const yaml = 'model: {params: {parameterization: "v"}}';
    expect(parseLdmConfig(yaml, '/models/a.yaml').statements).toEqual([
      { prediction: 'v_prediction', where: 'parameterization "v" in "a.yaml"' },
    ]);
  });

  it('of sgm tells heads and schedule in its own places', () => {
    const yaml = `
model:
  target: sgm.models.diffusion.DiffusionEngine
  params:
    denoiser_config:
      target: sgm.modules.diffusionmodules.denoiser.DiscreteDenoiser
      params:
        num_idx: 1000
        discretization_config:
          target: sgm.modules.diffusionmodules.discretizer.LegacyDDPMDiscretization
          params: {linear_start: 0.0009, linear_end: 0.013}
    network_config:
      target: sgm.modules.diffusionmodules.openaimodel.UNetModel
      params: {num_head_channels: 64, model_channels: 320}
`;
    expect(parseLdmConfig(yaml, 'a.yaml')).toMatchObject({
      linearStart: 0.0009,
      linearEnd: 0.013,
      unet: { num_head_channels: 64, model_channels: 320 },
    });
  });

  it('is found beside the checkpoint under its name, and may be missing', async () => {
    const folder = await makeFolder();
    await writeFile(path.join(folder, 'my.model.yaml'), v1Yaml);
    const config = await readLdmConfig(path.join(folder, 'my.model.safetensors'));
    expect(config?.timesteps).toBe(1000);
    expect(await readLdmConfig(path.join(folder, 'other.safetensors'))).toBeUndefined();
  });

  // Nine levels of nine aliases each would unfold to 9^9 elements.
  const bomb = Array.from({ length: 9 }, (_, level) => {
    const items = Array.from({ length: 9 }, () => (level === 0 ? '"x"' : `*a${level - 1}`));
    return `a${level}: &a${level} [${items.join(', ')}]`;
  }).join('\n');

  it.each([
    ['text that is no YAML', 'model: [', /a\.yaml/],
    ['another document', 'hello: world', /model/],
    ['nothing', '', /object/],
    ['a list', '- model', /object/],
    [
      'noise levels other than its timesteps',
      'model: {params: {denoiser_config: {params: {num_idx: 500}}}}',
      /500 noise levels/,
    ],
    ['betas of its own', 'model: {params: {given_betas: [0.1]}}', /given_betas/],
    ['another schedule', 'model: {params: {beta_schedule: cosine}}', /beta_schedule/],
    ['a beta of 12', 'model: {params: {linear_end: 12}}', /linear_end/],
    ['no timesteps', 'model: {params: {timesteps: 0}}', /timesteps/],
    ['heads as text', 'model: {params: {unet_config: {params: {num_heads: "8"}}}}', /num_heads/],
    ['a key twice', 'model: {params: {timesteps: 10, timesteps: 20}}', /unique/],
    ['aliases that unfold to gigabytes', `${bomb}\nmodel: {params: {x: *a8}}`, /alias/],
  ])('is refused for %s', (_what, yaml, message) => {
    expect(() => parseLdmConfig(yaml, 'a.yaml')).toThrow(
      expect.objectContaining({
        code: 'checkpoint.config',
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  it('runs no code: tags of other languages are plain values', () => {
    const yaml = 'model: {params: {x: !!python/object/apply:os.system ["true"]}}';
    expect(parseLdmConfig(yaml, 'a.yaml').statements).toEqual([]);
  });

  it('is refused if it is huge, or a folder', async () => {
    const folder = await makeFolder();
    await writeFile(path.join(folder, 'a.yaml'), `x: ${'y'.repeat(300_000)}`);
    await mkdir(path.join(folder, 'b.yaml'));
    for (const name of ['a', 'b']) {
      await expect(readLdmConfig(path.join(folder, `${name}.safetensors`))).rejects.toMatchObject({
        code: 'checkpoint.config',
      });
    }
  });
});

describe("a text encoder's config", () => {
  const tiny = {
    hidden_size: 64,
    num_attention_heads: 4,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-6,
    num_hidden_layers: 3,
    vocab_size: 100,
  };
  const settings = {
    ...{ hiddenSize: 64, heads: 4, activation: 'gelu', layerNormEps: 1e-6 },
    ...{ layers: 3, claims: { vocab_size: 100 } },
  };

  async function folderWith(version: string, content: string) {
    const folder = await makeFolder();
    await mkdir(path.join(folder, version), { recursive: true });
    await writeFile(path.join(folder, version, 'config.json'), content);
    return path.join(folder, 'model.safetensors');
  }

  it('is read from the named folder beside the checkpoint', async () => {
    const model = await folderWith('tiny-clip', JSON.stringify(tiny));
    expect(await readClipSettings(model, 'tiny-clip')).toMatchObject(settings);
  });

  it('may be the config of a whole CLIP model', async () => {
    const model = await folderWith('org/clip', JSON.stringify({ text_config: tiny }));
    expect(await readClipSettings(model, 'org/clip')).toMatchObject(settings);
  });

  it('is known for the model of SD 1.x and for no other', async () => {
    const model = path.join(await makeFolder(), 'model.safetensors');
    const large = await readClipSettings(model, 'openai/clip-vit-large-patch14');
    expect(large).toEqual(clipLargeSettings);
    expect(await readClipSettings(model, 'someone/clip')).toBeUndefined();
  });

  it.each([
    ['text that is not JSON', '{'],
    ['no head count', '{"hidden_size": 64}'],
    ['another activation', JSON.stringify({ ...tiny, hidden_act: 'swish' })],
    ['negative heads', JSON.stringify({ ...tiny, num_attention_heads: -4 })],
  ])('is refused for %s', async (_what, content) => {
    const model = await folderWith('clip', content);
    await expect(readClipSettings(model, 'clip')).rejects.toMatchObject({
      code: 'checkpoint.config',
    });
  });

  it.each([
    '../clip',
    '..',
    'a/../../b',
    'a\\..\\..\\b',
    '/etc',
    'C:\\clip',
    '\\\\host\\clip',
    'a\0b',
  ])('is not looked for at %j, outside the folder', (version) => {
    expect(() => clipConfigPath('/models/a.safetensors', version)).toThrow(
      expect.objectContaining({ code: 'checkpoint.config' }),
    );
  });
});
