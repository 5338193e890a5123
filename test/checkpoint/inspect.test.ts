import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { Architecture } from '../../src/families/stable-diffusion/architecture.ts';
import { type Checkpoint, openCheckpoint, requireErasable } from '../../src/families/checkpoint.ts';
import { inspectCheckpoint } from '../../src/families/inspect.ts';
import type { NamedShape } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import { unetShapes } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { vaeShapes } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import type { TensorInfo } from '../../src/checkpoint/safetensors-header.ts';
import {
  refinerShapes,
  sd1Shapes,
  sd2Shapes,
  sdxlShapes,
  textShapes,
  unet,
  vae,
} from './small-checkpoints.ts';
import { layOut, makeFolder, readGoldenHeader, writeZeros } from './safetensors-fixtures.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

/** Writes `model.safetensors` of zeros, and `model.yaml` if `yaml` is given. */
async function writeModel(tensors: TensorInfo[], yaml?: string): Promise<string> {
  const folder = await makeFolder();
  if (yaml !== undefined) await writeFile(path.join(folder, 'model.yaml'), yaml);
  return writeZeros(path.join(folder, 'model.safetensors'), tensors);
}

async function architectureOf(shapes: Iterable<NamedShape>, yaml?: string): Promise<Architecture> {
  const checkpoint = await openCheckpoint(await writeModel(layOut(shapes), yaml));
  await checkpoint.file.close();
  return asStableDiffusion(checkpoint).architecture;
}

const tinyYaml = `
model:
  params:
    linear_start: 0.00085
    linear_end: 0.012
    scale_factor: 0.18215
    unet_config: {params: {num_heads: 8, model_channels: 64, context_dim: 64}}
    cond_stage_config: {params: {version: tiny-clip}}
`;

/** As far as `requireErasable` asks. */
const opened = ({ refusal }: Architecture) =>
  ({
    file: { path: '/models/a.safetensors' },
    facts: { refusal },
    codec: { source: {} },
  }) as Checkpoint;

describe('inspecting tiny-sd', () => {
  async function writeTinySd(yaml = tinyYaml, clip: object = {}) {
    const { infos } = await readGoldenHeader('tiny-sd');
    const filePath = await writeModel(infos, yaml);
    const folder = path.join(path.dirname(filePath), 'tiny-clip');
    await mkdir(folder);
    const config = { hidden_size: 64, num_attention_heads: 4, ...clip };
    await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
    return filePath;
  }

  it('tells family, parts, heads and that a concept can be erased', async () => {
    const description = await inspectCheckpoint(await writeTinySd());
    expect(description).toMatchObject({
      file: 'model.safetensors',
      family: 'sd1',
      precisions: ['F16'],
      configFile: 'model.yaml',
      hasEma: false,
      unetCopies: [],
      eraseConcept: null,
      erasing: { supported: true, reason: null },
      parts: {
        unet: { parameters: 4_307_396, bytes: 8_614_792, precisions: ['F16'] },
        textEncoders: [{ parameters: 3_267_136 }],
        vae: { parameters: 1_399_879 },
      },
      architecture: {
        unet: { heads: { numHeads: 8 }, modelChannels: 64 },
        textEncoders: [{ heads: 4, layers: 2, activation: 'quick_gelu' }],
        diffusion: { predictionType: 'epsilon', betaStart: 0.00085, timesteps: 1000 },
        prediction: { basis: 'assumed' },
        assumptions: [expect.stringMatching(/nothing in its files.*says what it predicts/)],
      },
    });
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  it.each([
    ['is of another width', tinyYaml.replace('model_channels: 64', 'model_channels: 320')],
    ['has another context', tinyYaml.replace('context_dim: 64', 'context_dim: 768')],
    ['has heads that do not divide', tinyYaml.replace('num_heads: 8', 'num_heads: 7')],
    ['names a text encoder that is not there', tinyYaml.replace('tiny-clip', 'other-clip')],
    ['names a text encoder elsewhere', tinyYaml.replace('tiny-clip', '../tiny-clip')],
    [
      'names the text encoder of SD 1.x',
      tinyYaml.replace('tiny-clip', 'openai/clip-vit-large-patch14'),
    ],
  ])('is refused with a config that %s', async (_what, yaml) => {
    await expect(inspectCheckpoint(await writeTinySd(yaml))).rejects.toMatchObject({
      code: 'checkpoint.config',
    });
  });

  it('is refused with a text encoder config of another width', async () => {
    const filePath = await writeTinySd(tinyYaml, { hidden_size: 128 });
    await expect(inspectCheckpoint(filePath)).rejects.toThrow(/64 wide.*width of 128/);
  });

  it('is refused without a config, because its head count is not in the tensors', async () => {
    const { infos } = await readGoldenHeader('tiny-sd');
    await expect(inspectCheckpoint(await writeModel(infos))).rejects.toMatchObject({
      code: 'checkpoint.config',
      message: expect.stringMatching(/Put the model's LDM config/) as string,
    });
  });
});

describe('a checkpoint without config', () => {
  it('of SD 1.x has 8 heads, 12 in the text encoder, and its assumptions are stated', async () => {
    const { refusal, ...architecture } = await architectureOf(sd1Shapes());
    expect(refusal).toBeNull();
    expect(architecture).toMatchObject({
      family: 'sd1',
      unet,
      textEncoders: [{ heads: 12, activation: 'quick_gelu', hiddenSize: 768 }],
      vae,
      diffusion: { predictionType: 'epsilon', betaStart: 0.00085, betaEnd: 0.012 },
    });
    expect(architecture.assumptions.join(' ')).toMatch(/8 attention heads.*epsilon/);
  });

  it('may lack the inner name of the text encoder', async () => {
    const prefix = 'cond_stage_model.transformer.';
    const shapes = [
      ...unetShapes(unet),
      ...textShapes('transformers', prefix, 768),
      ...vaeShapes(vae),
    ];
    const { textEncoders } = await architectureOf(shapes);
    expect(textEncoders[0]?.keyPrefix).toBe(prefix);
  });

  it('of SD 2.x has heads of 64 channels', async () => {
    const architecture = await architectureOf(sd2Shapes());
    expect(architecture).toMatchObject({
      family: 'sd2',
      unet: { heads: { numHeadChannels: 64 }, useLinearProjection: true },
      textEncoders: [{ layout: 'openclip', heads: 2, activation: 'gelu' }],
      refusal: null,
    });
    expect(architecture.assumptions.join(' ')).toMatch(/taken to predict noise \(epsilon\)/);
  });

  it('of SDXL has two text encoders and its own latent scale', async () => {
    const architecture = await architectureOf(sdxlShapes());
    expect(architecture).toMatchObject({
      family: 'sdxl',
      unet: { admInChannels: 1280 + 6 * 256 },
      textEncoders: [
        { layout: 'transformers', heads: 12 },
        { layout: 'openclip', heads: 20 },
      ],
      vae: { scaleFactor: 0.13025 },
      refusal: null,
    });
  });

  it('predicts v if it is marked so', async () => {
    const marked: NamedShape = ['v_pred', [0]];
    const { diffusion } = await architectureOf([...sd2Shapes(), marked]);
    expect(diffusion.predictionType).toBe('v_prediction');
  });
});

describe('a config beside a checkpoint', () => {
  it('decides prediction type, schedule, scale and heads', async () => {
    const yaml =
      'model: {params: {parameterization: v, linear_end: 0.02, timesteps: 500, scale_factor: 0.2, unet_config: {params: {num_heads: -1, num_head_channels: 32}}}}';
    const architecture = await architectureOf(sd2Shapes(), yaml);
    expect(architecture).toMatchObject({
      diffusion: {
        predictionType: 'v_prediction',
        betaStart: 0.00085,
        betaEnd: 0.02,
        timesteps: 500,
      },
      unet: { heads: { numHeadChannels: 32 } },
      vae: { scaleFactor: 0.2 },
      assumptions: [expect.stringMatching(/whole with its 2 layers.*no encoder of width 128/)],
    });
  });
});

describe('a variant that a concept cannot be erased from', () => {
  it.each([
    ['the refiner of SDXL', refinerShapes(), /the SDXL refiner/],
    [
      'SDXL with another added condition',
      sdxlShapes(1290),
      /an added condition of 1290 channels, of which 1280/,
    ],
    [
      'SDXL without the projection of its prompts',
      [...sdxlShapes()].filter(([name]) => !name.endsWith('text_projection')),
      /lacks "conditioner\.embedders\.1\.model\.text_projection"/,
    ],
  ] as readonly (readonly [string, Iterable<NamedShape>, RegExp])[])(
    'is %s',
    async (_what, shapes, reason) => {
      expect((await architectureOf(shapes)).refusal).toMatch(reason);
    },
  );

  it.each([
    ['an inpainting model', { inChannels: 9 }, /inpainting/],
    ['an instruct-pix2pix model', { inChannels: 8 }, /pix2pix/],
    ['an upscaler', { inChannels: 7 }, /upscaler/],
    ['a depth model', { inChannels: 5 }, /takes 5 and gives 4 channels/],
    ['an image-conditioned model', { admInChannels: 16 }, /takes an added condition of 16/],
  ])('is %s', async (_what, changes, reason) => {
    const architecture = await architectureOf(sd1Shapes(changes));
    expect(architecture.refusal).toMatch(reason);
    expect(() => {
      requireErasable(opened(architecture));
    }).toThrow(
      expect.objectContaining({
        code: 'model.unsupported',
        message: expect.stringMatching(/^"a\.safetensors": .*(Use|Erase)/) as string,
      }),
    );
  });

  it('is a quantised model', async () => {
    const filePath = await writeModel(layOut(sd1Shapes(), 'F8_E4M3'));
    const { erasing, precisions } = await inspectCheckpoint(filePath);
    expect(precisions).toEqual(['F8_E4M3']);
    expect(erasing).toMatchObject({
      supported: false,
      reason: expect.stringMatching(/F8_E4M3.*quantised/) as string,
    });
  });

  it('is told for what it is also where that is why it lacks a tensor', async () => {
    const key = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k';
    const others = [...sd1Shapes()].filter(([name]) => name !== `${key}.weight`);
    const unmerged = writeModel(layOut([...others, [`${key}.base_layer.weight`, [64, 128]]]));
    await expect(inspectCheckpoint(await unmerged)).rejects.toMatchObject({
      code: 'model.unsupported',
      message: expect.stringMatching(/base_layer\.weight", a part of a LoRA/) as string,
    });
    await expect(inspectCheckpoint(await writeModel(layOut(others)))).rejects.toMatchObject({
      code: 'checkpoint.damaged',
    });
  });

  it('lets every other checkpoint pass', async () => {
    const architecture = await architectureOf(sd1Shapes());
    expect(() => {
      requireErasable(opened(architecture));
    }).not.toThrow();
  });
});

describe('a file that is no checkpoint', () => {
  const lora: NamedShape[] = [['lora_unet_x.lora_down.weight', [4, 320]]];

  it('is described with what it is and what to do', async () => {
    expect(await inspectCheckpoint(await writeModel(layOut(lora)))).toMatchObject({
      family: 'lora',
      parts: null,
      architecture: null,
      parameters: 1280,
      erasing: { supported: false, reason: expect.stringMatching(/LoRA.*merge/) as string },
    });
  });

  it.each([
    ['a LoRA', lora, /LoRA/],
    ['a VAE', [...vaeShapes(vae)], /no UNet/],
    ['a UNet without text encoder', [...unetShapes(unet), ...vaeShapes(vae)], /no text encoder/],
  ])('is refused for erasing: %s', async (_what, shapes, message) => {
    await expect(architectureOf(shapes)).rejects.toMatchObject({
      code: 'model.unsupported',
      exitStatus: 3,
      message: expect.stringMatching(message) as string,
    });
  });

  it('is damaged if a tensor of a model is missing', async () => {
    const shapes = [...sd1Shapes()].filter(([name]) => !name.endsWith('decoder.conv_out.bias'));
    await expect(inspectCheckpoint(await writeModel(layOut(shapes)))).rejects.toMatchObject({
      code: 'checkpoint.damaged',
    });
  });
});

describe('a scrubbed model', () => {
  async function inspectWith(entry: string) {
    const metadata = new Map([['erase_concept', entry]]);
    const filePath = path.join(await makeFolder(), 'a.safetensors');
    await writeZeros(filePath, layOut([...sd1Shapes(), ['model_ema.decay', []]]), metadata);
    return inspectCheckpoint(filePath);
  }

  it('tells how it was made', async () => {
    const description = await inspectWith('{"method":"erasediff","steps":40}');
    expect(description.eraseConcept).toEqual({ method: 'erasediff', steps: 40 });
    expect(description.hasEma).toBe(true);
    expect(description.unetCopies).toEqual(['model_ema.*']);
  });

  it.each(['{', '[1]', 'null', '"text"'])(
    'with the unreadable entry %s is described',
    async (entry) => {
      expect((await inspectWith(entry)).eraseConcept).toBeNull();
    },
  );
});
