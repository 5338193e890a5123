import { VAE_PREFIX, type VaeConfig } from './layout/vae-layout.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { attention } from '../../models/blocks/attention.ts';
import { conv2d, samePads } from '../../models/blocks/conv2d.ts';
import { groupNorm } from '../../models/blocks/group-norm.ts';
import { linear } from '../../models/blocks/linear.ts';
import { resnet, type ResnetStyle } from '../../models/blocks/resnet.ts';
import { silu } from '../../models/blocks/silu.ts';
import { fromTokens, toTokens } from '../../models/blocks/tokens.ts';
import { upsample } from '../../models/blocks/upsample.ts';
import { Module } from '../../models/module.ts';
import type { WeightSource } from '../../models/weights.ts';

const epsilon = 1e-6;

const resnetStyle: ResnetStyle = {
  norm1: 'norm1',
  conv1: 'conv1',
  embedding: 'temb_proj',
  norm2: 'norm2',
  conv2: 'conv2',
  shortcut: 'nin_shortcut',
  epsilon,
};

/**
 * The encoder of Stable Diffusion's VAE: mean and log variance of the latents, one after the other
 * along the channels, before clamping and scaling: float32 [N, 2·embedDim, H/8, W/8] for four levels.
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/model.py, `Encoder`)
 *
 * @param image float32 [N, imageChannels, H, W] in [-1, 1]
 */
export function buildVaeEncoder(
  g: GraphBuilder,
  weights: WeightSource,
  config: VaeConfig,
  image: Value,
): Value {
  const root = new Module(g, weights, VAE_PREFIX);
  return g.scope('vae', () => {
    const features = root.within('encoder', (encoder) => encode(encoder, config, image));
    return root.within('quant_conv', (conv) => conv2d(conv, features));
  });
}

/**
 * The decoder of Stable Diffusion's VAE: an image in about [-1, 1], float32
 * [N, imageChannels, 8h, 8w] for four levels.
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/model.py, `Decoder`)
 *
 * @param latents float32 [N, embedDim, h, w], already divided by the scale factor
 */
export function buildVaeDecoder(
  g: GraphBuilder,
  weights: WeightSource,
  config: VaeConfig,
  latents: Value,
): Value {
  const root = new Module(g, weights, VAE_PREFIX);
  return g.scope('vae', () => {
    const features = root.within('post_quant_conv', (conv) => conv2d(conv, latents));
    return root.within('decoder', (decoder) => decode(decoder, config, features));
  });
}

function encode(encoder: Module, config: VaeConfig, image: Value): Value {
  const { chMult, numResBlocks } = config;
  let x = encoder.within('conv_in', (conv) => conv2d(conv, image, { pads: samePads }));
  for (const level of chMult.keys()) {
    x = encoder.within(`down.${level}`, (part) => {
      const state = levelBlocks(part, x, { count: numResBlocks, level, config });
      if (level === chMult.length - 1) return state;
      // Padded at the right and below alone, as the reference does.
      return part.within('downsample.conv', (conv) =>
        conv2d(conv, state, { stride: 2, pads: [0, 0, 1, 1] }),
      );
    });
  }
  return outputLayers(encoder, middle(encoder, x));
}

function decode(decoder: Module, config: VaeConfig, features: Value): Value {
  const { chMult, numResBlocks } = config;
  const input = decoder.within('conv_in', (conv) => conv2d(conv, features, { pads: samePads }));
  let x = middle(decoder, input);
  for (const level of [...chMult.keys()].reverse()) {
    x = decoder.within(`up.${level}`, (part) => {
      const state = levelBlocks(part, x, { count: numResBlocks + 1, level, config });
      return level === 0 ? state : part.within('upsample', (up) => upsample(up, state));
    });
  }
  return outputLayers(decoder, x);
}

/** The residual blocks of one level, each with attention where the level has it. */
function levelBlocks(
  module: Module,
  x: Value,
  { count, level, config }: { count: number; level: number; config: VaeConfig },
): Value {
  let state = x;
  for (let i = 0; i < count; i++) {
    state = module.within(`block.${i}`, (part) => resnet(part, state, null, resnetStyle));
    if (config.attentionLevels.includes(level)) {
      state = module.within(`attn.${i}`, (part) => selfAttention(part, state));
    }
  }
  return state;
}

function middle(module: Module, x: Value): Value {
  return module.within('mid', (mid) => {
    const first = mid.within('block_1', (part) => resnet(part, x, null, resnetStyle));
    const attended = mid.within('attn_1', (part) => selfAttention(part, first));
    return mid.within('block_2', (part) => resnet(part, attended, null, resnetStyle));
  });
}

/** x [N, C, H, W] plus attention with a single head over its pixels. */
function selfAttention(module: Module, x: Value): Value {
  const { g } = module;
  const scale = dimAt(x.shape, 1) ** -0.5;
  const [queries, keys, values] = g.recomputed('projections', () => {
    const tokens = toTokens(
      g,
      module.within('norm', (norm) => groupNorm(norm, x, epsilon)),
    );
    const project = (name: string, factor = 1) =>
      module.within(name, (part) => linear(part, tokens, factor));
    return [project('q', scale), project('k'), project('v')] as const;
  });
  const mixed = attention(g, { queries, keys, values, heads: 1 });
  const projected = module.within('proj_out', (part) => linear(part, mixed));
  return g.add(x, fromTokens(g, projected, x.shape));
}

function outputLayers(module: Module, x: Value): Value {
  const { g } = module;
  return g.recomputed('out', () => {
    const normalized = module.within('norm_out', (norm) => groupNorm(norm, x, epsilon));
    const activated = silu(g, normalized);
    return module.within('conv_out', (conv) => conv2d(conv, activated, { pads: samePads }));
  });
}
