import { describe, expect, it } from 'vitest';

import {
  type ClipTextConfig,
  clipTextShapes,
  deriveClipTextConfig,
} from '../../src/families/stable-diffusion/layout/clip-text-layout.ts';
import type {
  NamedShape,
  TensorSource,
} from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import {
  UNET_PREFIX,
  type UnetConfig,
  unetShapes,
} from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import {
  deriveVaeConfig,
  VAE_PREFIX,
  type VaeConfig,
  vaeShapes,
} from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { layOut, readGoldenHeader } from './safetensors-fixtures.ts';

/** Names and shapes of the source's tensors whose names start with `prefix`, sorted. */
function shapesOf(source: TensorSource, prefix: string): NamedShape[] {
  const named = [...source.tensors.values()].filter(({ name }) => name.startsWith(prefix));
  return sorted(named.map(({ name, shape }) => [name, shape] as const));
}

function sorted(shapes: Iterable<NamedShape>): NamedShape[] {
  return [...shapes].sort(([a], [b]) => (a < b ? -1 : 1));
}

function sourceOf(shapes: Iterable<NamedShape>): TensorSource {
  return {
    path: 'made.safetensors',
    tensors: new Map(layOut(shapes).map((info) => [info.name, info])),
  };
}

function without(source: TensorSource, name: string): TensorSource {
  return { ...source, tensors: new Map([...source.tensors].filter(([key]) => key !== name)) };
}

function reshaped(source: TensorSource, name: string, shape: number[]): TensorSource {
  const info = { ...source.tensors.get(name)!, shape };
  return { ...source, tensors: new Map([...source.tensors, [name, info]]) };
}

/** Parameters of `UNetModel` in the reference implementations. */
interface UnetModelParams {
  in_channels: number;
  out_channels: number;
  model_channels: number;
  attention_resolutions: number[];
  num_res_blocks: number;
  channel_mult: number[];
  num_heads?: number;
  num_head_channels?: number;
  use_linear_in_transformer?: boolean;
  transformer_depth: number | number[];
  context_dim: number;
  adm_in_channels?: number;
}

/** What those parameters mean block by block, as `UNetModel.__init__` builds them. */
function expectedUnetConfig(params: UnetModelParams): UnetConfig {
  const depths = params.channel_mult.map((_, level) => {
    const depth = [params.transformer_depth].flat();
    const hasAttention = params.attention_resolutions.includes(2 ** level);
    return hasAttention ? (depth[level] ?? depth[0]!) : 0;
  });
  const repeat = (depth: number, count: number) => Array<number>(count).fill(depth);
  return {
    inChannels: params.in_channels,
    outChannels: params.out_channels,
    modelChannels: params.model_channels,
    channelMult: params.channel_mult,
    numResBlocks: params.channel_mult.map(() => params.num_res_blocks),
    // Every level's blocks follow the stem or a downsampling, which have no transformer.
    inputDepths: depths.flatMap((depth) => [0, ...repeat(depth, params.num_res_blocks)]),
    numbering: 'consecutive',
    middleResBlocks: 2,
    middleDepth: [params.transformer_depth].flat().at(-1)!,
    outputDepths: depths.toReversed().flatMap((depth) => repeat(depth, params.num_res_blocks + 1)),
    heads:
      params.num_head_channels === undefined
        ? { numHeads: params.num_heads! }
        : { numHeadChannels: params.num_head_channels },
    contextDim: params.context_dim,
    admInChannels: params.adm_in_channels ?? null,
    useLinearProjection: params.use_linear_in_transformer ?? false,
  };
}

const sd15Unet: UnetConfig = {
  inChannels: 4,
  outChannels: 4,
  modelChannels: 320,
  channelMult: [1, 2, 4, 4],
  numResBlocks: [2, 2, 2, 2],
  inputDepths: [0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0],
  numbering: 'consecutive',
  middleResBlocks: 2,
  middleDepth: 1,
  outputDepths: [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  heads: { numHeads: 8 },
  contextDim: 768,
  admInChannels: null,
  useLinearProjection: false,
};

const parameters = (shapes: Iterable<NamedShape>) =>
  [...shapes].reduce((sum, [, shape]) => sum + elementCount(shape), 0);

describe("a UNet's configuration", () => {
  it.each(['unet-tiny', 'unet-tiny-v2', 'unet-tiny-xl'])(
    'of %s follows from its tensors as its author set it',
    async (name) => {
      const { config, source } = await readGoldenHeader(name);
      const expected = expectedUnetConfig(config as unknown as UnetModelParams);
      expect(deriveUnetConfig(source, expected.heads)).toEqual(expected);
    },
  );

  it.each(['unet-tiny', 'unet-tiny-v2', 'unet-tiny-xl', 'tiny-sd'])(
    'of %s gives back exactly the tensors of the file',
    async (name) => {
      const { source } = await readGoldenHeader(name);
      const config = deriveUnetConfig(source, { numHeads: 8 });
      expect(sorted(unetShapes(config))).toEqual(shapesOf(source, UNET_PREFIX));
    },
  );

  it('of SD 1.5 has 859,520,964 parameters', () => {
    expect(parameters(unetShapes(sd15Unet))).toBe(859_520_964);
  });

  it('of SDXL has 2,567,463,684 parameters', () => {
    const sdxl: UnetConfig = {
      ...sd15Unet,
      channelMult: [1, 2, 4],
      numResBlocks: [2, 2, 2],
      inputDepths: [0, 0, 0, 0, 2, 2, 0, 10, 10],
      middleDepth: 10,
      outputDepths: [10, 10, 10, 2, 2, 2, 0, 0, 0],
      heads: { numHeadChannels: 64 },
      contextDim: 2048,
      admInChannels: 2816,
      useLinearProjection: true,
    };
    expect(parameters(unetShapes(sdxl))).toBe(2_567_463_684);
    expect(deriveUnetConfig(sourceOf(unetShapes(sdxl)), sdxl.heads)).toEqual(sdxl);
  });

  it('may have blocks without attention in the middle, as pruned models do', () => {
    for (const middleResBlocks of [0, 1, 2]) {
      const middle = { middleResBlocks, middleDepth: 0 };
      const pruned: UnetConfig = { ...sd15Unet, ...middle, modelChannels: 32 };
      expect(deriveUnetConfig(sourceOf(unetShapes(pruned)), pruned.heads)).toEqual(pruned);
    }
  });

  it.each([
    ['input_blocks.2.', 'input_blocks.2.0.in_layers.0.weight'],
    ['input_blocks.3.', 'input_blocks.3.0.op.weight'],
    ['input_blocks.5.', 'input_blocks.5.0.in_layers.0.weight'],
    ['input_blocks.8.1.', 'input_blocks.8.1.norm.weight'],
    ['input_blocks.11.', 'input_blocks.11.0.in_layers.0.weight'],
    ['output_blocks.4.', 'output_blocks.4.0.in_layers.0.weight'],
    ['output_blocks.4.1.', 'output_blocks.4.1.norm.weight'],
    ['output_blocks.5.', 'output_blocks.5.0.in_layers.0.weight'],
    ['output_blocks.11.', 'output_blocks.11.0.in_layers.0.weight'],
    ['middle_block.0.', 'middle_block.0.in_layers.0.weight'],
    ['middle_block.1.', 'middle_block.1.norm.weight'],
    ['middle_block.2.', 'middle_block.2.in_layers.0.weight'],
    ['input_blocks.4.1.transformer_blocks.', 'input_blocks.4.1.transformer_blocks.0.attn1'],
    ['output_blocks.8.2.', 'output_blocks.8.2.conv.weight'],
    ['time_embed.', 'time_embed.0.weight'],
  ])('is that of a damaged file where all of %s is gone', (part, missing) => {
    const whole = sourceOf(unetShapes({ ...sd15Unet, modelChannels: 32, contextDim: 16 }));
    const left = [...whole.tensors].filter(([name]) => !name.startsWith(UNET_PREFIX + part));
    expect(() => deriveUnetConfig({ ...whole, tensors: new Map(left) }, sd15Unet.heads)).toThrow(
      expect.objectContaining({
        code: 'checkpoint.damaged',
        message: expect.stringContaining(`lacks the tensor "${UNET_PREFIX}${missing}`) as string,
      }),
    );
  });

  it.each([
    ['two levels lose one block each', ['input_blocks.2.', 'output_blocks.11.']],
    ['a transformer loses one of its blocks', ['input_blocks.4.1.transformer_blocks.1.']],
    ['a deep transformer loses its last block', ['input_blocks.5.1.transformer_blocks.2.']],
  ])('is that of a damaged file where %s', (_what, parts) => {
    const depths = [0, 1, 1, 0, 3, 3, 0, 1, 1, 0, 0, 0];
    const deep = { ...sd15Unet, modelChannels: 32, contextDim: 16, inputDepths: depths };
    const whole = sourceOf(unetShapes(deep));
    const left = [...whole.tensors].filter(
      ([name]) => !parts.some((part) => name.startsWith(UNET_PREFIX + part)),
    );
    expect(() => deriveUnetConfig({ ...whole, tensors: new Map(left) }, deep.heads)).toThrow(
      expect.objectContaining({ code: 'checkpoint.damaged' }),
    );
  });

  it('does not mind further tensors', async () => {
    const { source } = await readGoldenHeader('unet-tiny');
    const extra = layOut([
      [`${UNET_PREFIX}extra`, [1]],
      ['model_ema.diffusion_modelinput_blocks00weight', [1]],
    ]);
    const tensors = new Map([
      ...source.tensors,
      ...extra.map((info) => [info.name, info] as const),
    ]);
    expect(() => deriveUnetConfig({ ...source, tensors }, { numHeads: 8 })).not.toThrow();
  });

  it.each([
    'input_blocks.1.0.in_layers.2.weight',
    'input_blocks.0.0.weight',
    'middle_block.1.transformer_blocks.0.attn2.to_v.weight',
    'output_blocks.11.0.out_layers.3.weight',
    'time_embed.2.bias',
    'out.2.weight',
  ])('needs the tensor %s', async (name) => {
    const { source } = await readGoldenHeader('unet-tiny');
    const damaged = without(source, UNET_PREFIX + name);
    expect(() => deriveUnetConfig(damaged, { numHeads: 8 })).toThrow(
      expect.objectContaining({
        code: 'checkpoint.damaged',
        message: expect.stringContaining('lacks the tensor') as string,
      }),
    );
  });

  it.each([
    ['time scales and shifts', 'input_blocks.1.0.emb_layers.1.weight', [64, 128]],
    ['one-dimensional convolutions', 'input_blocks.0.0.weight', [32]],
    ['no channels', 'input_blocks.0.0.weight', [0, 4, 3, 3]],
  ])('is refused for %s', async (_what, name, shape) => {
    const { source } = await readGoldenHeader('unet-tiny');
    const other = reshaped(source, UNET_PREFIX + name, shape);
    expect(() => deriveUnetConfig(other, { numHeads: 8 })).toThrow(
      expect.objectContaining({ code: 'model.unsupported' }),
    );
  });

  it('is refused for attention without text', async () => {
    const { source } = await readGoldenHeader('unet-tiny');
    const [qkv] = layOut([[`${UNET_PREFIX}input_blocks.1.1.qkv.weight`, [96, 32, 1]]]);
    const tensors = new Map([...source.tensors, [qkv!.name, qkv!]]);
    expect(() => deriveUnetConfig({ ...source, tensors }, { numHeads: 8 })).toThrow(/without text/);
  });

  it('is refused for heads that do not divide its channels', async () => {
    const { source } = await readGoldenHeader('unet-tiny');
    for (const heads of [{ numHeads: 5 }, { numHeadChannels: 64 }]) {
      expect(() => deriveUnetConfig(source, heads)).toThrow(
        expect.objectContaining({ code: 'checkpoint.config' }),
      );
    }
  });
});

describe("a text encoder's configuration", () => {
  const keyPrefix = 'cond_stage_model.transformer.text_model.';
  const location = { layout: 'transformers', keyPrefix } as const;
  const settings = {
    hiddenSize: 64,
    heads: 4,
    activation: 'quick_gelu',
    layerNormEps: 1e-5,
  } as const;

  it('of clip-tiny follows from its tensors and gives them back', async () => {
    const { config, source } = await readGoldenHeader('clip-tiny');
    const derived = deriveClipTextConfig(source, location, settings);
    expect(derived).toMatchObject({
      layers: config.num_hidden_layers,
      hiddenSize: config.hidden_size,
      intermediateSize: config.intermediate_size,
      vocabSize: config.vocab_size,
      maxPositions: config.max_position_embeddings,
    });
    const inFile = shapesOf(source, keyPrefix).filter(([name]) => !name.endsWith('position_ids'));
    expect(sorted(clipTextShapes(derived))).toEqual(inFile);
  });

  it('of open_clip ViT-H has 352,984,064 parameters and derives from them', () => {
    const vitH: ClipTextConfig = {
      layout: 'openclip',
      keyPrefix: 'cond_stage_model.model.',
      layers: 24,
      storedLayers: 24,
      hasFinalNorm: true,
      hiddenSize: 1024,
      heads: 16,
      intermediateSize: 4096,
      activation: 'gelu',
      vocabSize: 49408,
      maxPositions: 77,
      layerNormEps: 1e-5,
      projection: null,
    };
    expect(parameters(clipTextShapes(vitH))).toBe(352_984_064);
    expect(deriveClipTextConfig(sourceOf(clipTextShapes(vitH)), vitH, vitH)).toEqual(vitH);
  });

  it.each([
    ['another width', { ...settings, hiddenSize: 768, heads: 12 }],
    ['heads that do not divide the width', { ...settings, heads: 5 }],
    ['a fraction of heads', { ...settings, heads: 0.5 }],
  ])('is refused for settings with %s', async (_what, wrong) => {
    const { source } = await readGoldenHeader('clip-tiny');
    expect(() => deriveClipTextConfig(source, location, wrong)).toThrow(
      expect.objectContaining({ code: 'checkpoint.config' }),
    );
  });

  it('needs every tensor of its layers', async () => {
    const { source } = await readGoldenHeader('clip-tiny');
    const name = `${keyPrefix}encoder.layers.1.self_attn.q_proj.bias`;
    expect(() => deriveClipTextConfig(without(source, name), location, settings)).toThrow(name);
  });
});

describe("a VAE's configuration", () => {
  it.each(['vae-tiny', 'tiny-sd'])('of %s gives back exactly its tensors', async (name) => {
    const { source } = await readGoldenHeader(name);
    const config = deriveVaeConfig(source, 0.18215);
    expect(sorted(vaeShapes(config))).toEqual(shapesOf(source, VAE_PREFIX));
  });

  it('of vae-tiny is the one that its author set', async () => {
    const { config, source } = await readGoldenHeader('vae-tiny');
    expect(deriveVaeConfig(source, 0.18215)).toEqual({
      ch: config.ch,
      chMult: config.ch_mult,
      numResBlocks: config.num_res_blocks,
      imageChannels: 3,
      zChannels: config.z_channels,
      embedDim: 4,
      attentionLevels: config.attn_resolutions,
      scaleFactor: 0.18215,
    });
  });

  it('of SD has 83,653,863 parameters, and may have attention at a level', () => {
    const sd: VaeConfig = {
      ch: 128,
      chMult: [1, 2, 4, 4],
      numResBlocks: 2,
      imageChannels: 3,
      zChannels: 4,
      embedDim: 4,
      attentionLevels: [],
      scaleFactor: 0.18215,
    };
    expect(parameters(vaeShapes(sd))).toBe(83_653_863);
    const attentive = { ...sd, attentionLevels: [3] };
    expect(deriveVaeConfig(sourceOf(vaeShapes(attentive)), 0.18215)).toEqual(attentive);
  });
});
