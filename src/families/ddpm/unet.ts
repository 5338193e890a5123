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
import type { PixelUnetConfig } from './config.ts';
import { attentionNames, type Block, downBlocks, upBlocks } from './layout.ts';

export interface PixelUnetOperands {
  /** Noisy pictures, float32 [N, channels, H, W]. */
  readonly sample: Value;
  /** The embedded timesteps (see `timestepEmbedding`), float32 [N, widths[0]]. */
  readonly timestepEmbedding: Value;
  /** What says the class: float32 [N, 1, D], as `classContext` makes it. */
  readonly context: Value;
}

/**
 * diffusers' `UNet2DModel`: what it predicts, noise or v, float32 [N, channels, H, W].
 * (huggingface/diffusers, src/diffusers/models/unets/unet_2d.py and unet_2d_blocks.py)
 */
export function buildPixelUnet(
  g: GraphBuilder,
  weights: WeightSource,
  config: PixelUnetConfig,
  { sample, ...conditions }: PixelUnetOperands,
): Value {
  const module = new Module(g, weights, '');
  return g.scope('unet', () => {
    const embedding = silu(g, embedConditions(module, config, conditions));
    const blocks: Blocks = { module, config, embedding, style: styleOf(config) };
    let x = module.within('conv_in', (part) => conv2d(part, sample, { pads: samePads }));
    const states = [x];
    for (const block of downBlocks(config)) {
      x = residualAndAttention(blocks, block, x);
      states.push(x);
      if (!block.resamples) continue;
      x = halve(blocks, `${block.level}.downsamplers.0.conv`, x);
      states.push(x);
    }
    if (config.hasMiddle) x = middleState(blocks, x);
    for (const block of upBlocks(config)) {
      const skip = states.pop();
      x = residualAndAttention(blocks, block, skip ? g.concat([x, skip], 1) : x);
      if (!block.resamples) continue;
      x = module.within(`${block.level}.upsamplers.0`, (part) => upsample(part, x));
    }
    return outputLayers(blocks, x);
  });
}

/** What every block needs. */
interface Blocks {
  readonly module: Module;
  readonly config: PixelUnetConfig;
  /** Of timestep and class, after its activation: [N, embeddingWidth]. */
  readonly embedding: Value;
  readonly style: ResnetStyle;
}

function styleOf({ epsilon, groups }: PixelUnetConfig): ResnetStyle {
  return {
    ...{ norm1: 'norm1', conv1: 'conv1', embedding: 'time_emb_proj' },
    ...{ norm2: 'norm2', conv2: 'conv2', shortcut: 'conv_shortcut', epsilon, groups },
  };
}

/** [N, embeddingWidth] */
function embedConditions(
  module: Module,
  { classes }: PixelUnetConfig,
  { timestepEmbedding, context }: Omit<PixelUnetOperands, 'sample'>,
): Value {
  const { g } = module;
  const perceptron = (name: string, x: Value) =>
    module.within(name, (part) => {
      const hidden = part.within('linear_1', (layer) => linear(layer, x));
      return part.within('linear_2', (layer) => linear(layer, silu(g, hidden)));
    });
  const time = perceptron('time_embedding', timestepEmbedding);
  if (classes.kind === 'none') return time;
  const [batch, width] = [dimAt(context.shape, 0), dimAt(context.shape, 2)];
  const asked = g.reshape(context, [batch, width]);
  if (classes.kind === 'timestep') return g.add(time, perceptron('class_embedding', asked));
  return g.add(
    time,
    module.within('class_embedding', (part) => lookUp(part, asked)),
  );
}

/** Rows of the module's table, weighed: x [N, K]·`weight` [K, E], a low-rank change of the table added. */
function lookUp(module: Module, x: Value): Value {
  const { g } = module;
  const found = g.matMul(x, module.weight('weight'));
  const change = module.change('weight');
  if (!change) return found;
  const { down, up, scale, strength } = change;
  const changed = g.matMul(g.matMul(x, up), down);
  const scaled = scale === 1 ? changed : g.mul(changed, g.scalar(scale, changed));
  return g.add(found, strength ? g.mul(scaled, strength) : scaled);
}

/** A residual block and, where it has one, its attention. */
function residualAndAttention(blocks: Blocks, block: Block, x: Value): Value {
  const { module, embedding, style, config } = blocks;
  const { level, index, attends } = block;
  const hidden = module.within(`${level}.resnets.${index}`, (part) =>
    resnet(part, x, embedding, style),
  );
  if (!attends) return hidden;
  return module.within(`${level}.attentions.${index}`, (part) =>
    pixelAttention(part, hidden, { config, groups: config.groups }),
  );
}

function middleState({ module, embedding, style, config }: Blocks, x: Value): Value {
  return module.within('mid_block', (middle) => {
    const first = middle.within('resnets.0', (part) => resnet(part, x, embedding, style));
    const attended = config.attendsInMiddle
      ? middle.within('attentions.0', (part) =>
          pixelAttention(part, first, { config, groups: config.middleGroups }),
        )
      : first;
    return middle.within('resnets.1', (part) => resnet(part, attended, embedding, style));
  });
}

/** x [N, C, H, W] plus attention of all pixels to all others. */
function pixelAttention(
  module: Module,
  x: Value,
  { config, groups }: { config: PixelUnetConfig; groups: number },
): Value {
  const { g } = module;
  const { now, before } = attentionNames;
  const names = module.has(`${before.queries}.weight`) ? before : now;
  const channels = dimAt(x.shape, 1);
  const headChannels = config.headChannels ?? channels;
  const scale = headChannels ** -0.5;
  const [queries, keys, values] = g.recomputed('projections', () => {
    const tokens = toTokens(
      g,
      module.within('group_norm', (norm) => groupNorm(norm, x, config.epsilon, groups)),
    );
    const project = (name: string, factor = 1) =>
      module.within(name, (part) => linear(part, tokens, factor));
    return [project(names.queries, scale), project(names.keys), project(names.values)] as const;
  });
  const mixed = attention(g, { queries, keys, values, heads: channels / headChannels });
  const projected = module.within(names.output, (part) => linear(part, mixed));
  return g.add(x, fromTokens(g, projected, x.shape));
}

function halve({ module, config }: Blocks, name: string, x: Value): Value {
  const pads = config.padsEvenly ? samePads : ([0, 0, 1, 1] as const);
  return module.within(name, (part) => conv2d(part, x, { stride: 2, pads }));
}

function outputLayers({ module, config }: Blocks, x: Value): Value {
  const { g } = module;
  const { epsilon, groups } = config;
  return g.recomputed('out', () => {
    const normalized = module.within('conv_norm_out', (norm) =>
      groupNorm(norm, x, epsilon, groups),
    );
    const activated = silu(g, normalized);
    return module.within('conv_out', (conv) => conv2d(conv, activated, { pads: samePads }));
  });
}
