import {
  inputBlocks,
  middleResiduals,
  outputBlocks,
  UNET_PREFIX,
  type UnetBlock,
  type UnetConfig,
} from './layout/unet-layout.ts';
import { AppError } from '../../errors.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { conv2d, samePads } from '../../models/blocks/conv2d.ts';
import { groupNorm } from '../../models/blocks/group-norm.ts';
import { linear } from '../../models/blocks/linear.ts';
import { resnet, type ResnetStyle } from '../../models/blocks/resnet.ts';
import { silu } from '../../models/blocks/silu.ts';
import { spatialTransformer } from '../../models/blocks/transformer.ts';
import { upsample } from '../../models/blocks/upsample.ts';
import { Module } from '../../models/module.ts';
import type { WeightSource } from '../../models/weights.ts';

export interface UnetOperands {
  /** Noisy latents, float32 [N, inChannels, h, w]. */
  readonly sample: Value;
  /** The embedded timesteps (see `timestepEmbedding`), float32 [N, modelChannels]. */
  readonly timestepEmbedding: Value;
  /** The text encoder's hidden states, float32 [N, T, contextDim]. */
  readonly context: Value;
  /** The added condition of SDXL, float32 [N, admInChannels]. */
  readonly y?: Value;
}

/**
 * The UNet of Stable Diffusion 1.x, 2.x and SDXL: what it predicts, noise or v, float32
 * [N, outChannels, h, w].
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/openaimodel.py, `UNetModel.forward`)
 *
 * @throws graph.invalid where `y` is given to a model without it, or missing
 */
export function buildUnet(
  g: GraphBuilder,
  weights: WeightSource,
  config: UnetConfig,
  operands: UnetOperands,
): Value {
  requireFittingOperands(config, operands);
  const module = new Module(g, weights, UNET_PREFIX);
  return g.scope('unet', () => {
    const embedding = silu(g, embedConditions(module, operands));
    const blocks: Blocks = { module, config, embedding, context: operands.context };
    const states = inputStates(blocks, operands.sample);
    const middle = middleState(blocks, states.at(-1) ?? operands.sample);
    return outputLayers(module, outputState(blocks, middle, states));
  });
}

/** What every block of the UNet needs. */
interface Blocks {
  readonly module: Module;
  readonly config: UnetConfig;
  /** Of timestep and added condition, after its activation: [N, 4·modelChannels]. */
  readonly embedding: Value;
  readonly context: Value;
}

const resnetStyle: ResnetStyle = {
  norm1: 'in_layers.0',
  conv1: 'in_layers.2',
  embedding: 'emb_layers.1',
  norm2: 'out_layers.0',
  conv2: 'out_layers.3',
  shortcut: 'skip_connection',
  epsilon: 1e-5,
};

function requireFittingOperands(config: UnetConfig, { y }: UnetOperands): void {
  if ((config.admInChannels !== null) !== (y !== undefined)) {
    const needs = config.admInChannels === null ? 'takes no' : 'needs an';
    throw new AppError('graph.invalid', `this UNet ${needs} added condition y`);
  }
}

/** [N, 4·modelChannels] */
function embedConditions(module: Module, { timestepEmbedding, y }: UnetOperands): Value {
  const { g } = module;
  const perceptron = (name: string, x: Value) =>
    module.within(name, (part) => {
      const hidden = part.within('0', (layer) => linear(layer, x));
      return part.within('2', (layer) => linear(layer, silu(g, hidden)));
    });
  const time = perceptron('time_embed', timestepEmbedding);
  return y ? g.add(time, perceptron('label_emb.0', y)) : time;
}

/** The hidden states after each input block. */
function inputStates(blocks: Blocks, sample: Value): Value[] {
  const { module, config } = blocks;
  let x = module.within('input_blocks.0.0', (part) => conv2d(part, sample, { pads: samePads }));
  const states = [x];
  for (const block of inputBlocks(config)) {
    x = residualAndAttention(blocks, block, x);
    states.push(x);
    if (block.resampling === null) continue;
    x = module.within(block.resampling, (part) => conv2d(part, x, { stride: 2, pads: samePads }));
    states.push(x);
  }
  return states;
}

function middleState(blocks: Blocks, x: Value): Value {
  const { module, config, embedding } = blocks;
  const [first, second] = middleResiduals(config).map(
    (key) => (input: Value) =>
      module.within(key, (part) => resnet(part, input, embedding, resnetStyle)),
  );
  const entered = first?.(x) ?? x;
  const attended = attention(blocks, 'middle_block.1', entered, config.middleDepth);
  return second?.(attended) ?? attended;
}

function outputState(blocks: Blocks, middle: Value, states: readonly Value[]): Value {
  const { module, config } = blocks;
  const skips = [...states];
  let x = middle;
  for (const block of outputBlocks(config)) {
    const skip = skips.pop();
    x = residualAndAttention(blocks, block, skip ? module.g.concat([x, skip], 1) : x);
    if (block.resampling === null) continue;
    const next = skips.at(-1)?.shape;
    x = module.within(block.resampling, (part) => upsample(part, x, next));
  }
  return x;
}

/** A residual block and, where it has one, its transformer. */
function residualAndAttention(
  blocks: Blocks,
  { residual, transformer, depth }: UnetBlock,
  x: Value,
): Value {
  const { module, embedding } = blocks;
  const hidden = module.within(residual, (part) => resnet(part, x, embedding, resnetStyle));
  return attention(blocks, transformer, hidden, depth);
}

/** A transformer of so many blocks; x itself for none. */
function attention({ module, config, context }: Blocks, key: string, x: Value, depth: number) {
  if (depth === 0) return x;
  const heads = headCount(config, dimAt(x.shape, 1));
  return module.within(key, (part) => spatialTransformer(part, x, { depth, heads, context }));
}

function headCount({ heads }: UnetConfig, channels: number): number {
  return 'numHeads' in heads ? heads.numHeads : channels / heads.numHeadChannels;
}

function outputLayers(module: Module, x: Value): Value {
  const { g } = module;
  return g.recomputed('out', () => {
    const normalized = module.within('out.0', (norm) => groupNorm(norm, x, 1e-5));
    const activated = silu(g, normalized);
    return module.within('out.2', (conv) => conv2d(conv, activated, { pads: samePads }));
  });
}
