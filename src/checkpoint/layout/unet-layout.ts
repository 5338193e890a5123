import path from 'node:path';

import { AppError } from '../../errors.ts';
import {
  conv,
  dimension,
  linear,
  type NamedShape,
  norm,
  requireShapes,
  type TensorSource,
} from './named-shapes.ts';

/** Where the UNet's tensors are in a single-file checkpoint. */
export const UNET_PREFIX = 'model.diffusion_model.';

/**
 * How the attention layers divide their channels. It leaves no trace in the tensors: SD 1.x fixes the
 * number of heads (8), SD 2.x and SDXL the channels of a head (64).
 */
export type UnetHeads = { readonly numHeads: number } | { readonly numHeadChannels: number };

/** The UNet of CompVis' latent diffusion (`UNetModel`), in its words. */
export interface UnetConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly modelChannels: number;
  /** Width of each level as a multiple of `modelChannels`. */
  readonly channelMult: readonly number[];
  /** Residual blocks of each level on the way down; on the way up there is one more. */
  readonly numResBlocks: readonly number[];
  /**
   * Transformer blocks in each of `input_blocks`: 0 for the first convolution, the downsamplings
   * and residual blocks without attention.
   */
  readonly inputDepths: readonly number[];
  readonly middleDepth: number;
  /** Transformer blocks in each of `output_blocks`. */
  readonly outputDepths: readonly number[];
  readonly heads: UnetHeads;
  /** Width of the text encoder's output. */
  readonly contextDim: number;
  /** Width of the added condition (SDXL: pooled text and sizes), null if there is none. */
  readonly admInChannels: number | null;
  /** Whether `proj_in` and `proj_out` are fully connected layers (SD 2.x, SDXL), not convolutions. */
  readonly useLinearProjection: boolean;
}

/**
 * The configuration of a checkpoint's UNet, from its keys and shapes; every tensor that follows from
 * it is then checked to be there.
 *
 * @param heads the one thing that the tensors do not tell.
 * @throws AppError `checkpoint.damaged`, `model.unsupported`, `checkpoint.config` if the heads do not
 *   divide a level's channels
 */
export function deriveUnetConfig(source: TensorSource, heads: UnetHeads): UnetConfig {
  const stem = `${UNET_PREFIX}input_blocks.0.0.weight`;
  const modelChannels = dimension(source, stem, 0);
  const { levels, inputDepths } = walkInputBlocks(source);
  const outputDepths = walkOutputBlocks(source);
  const attention = firstAttention(source);
  const labels = `${UNET_PREFIX}label_emb.0.0.weight`;
  const config: UnetConfig = {
    inChannels: dimension(source, stem, 1),
    outChannels: dimension(source, `${UNET_PREFIX}out.2.weight`, 0),
    modelChannels,
    channelMult: levels.map(({ channels }) => channels / modelChannels),
    numResBlocks: levels.map(({ resBlocks }) => resBlocks),
    inputDepths,
    middleDepth: transformerDepth(source, 'middle_block.1'),
    outputDepths,
    heads,
    contextDim: dimension(source, `${attention}.transformer_blocks.0.attn2.to_k.weight`, 1),
    admInChannels: source.tensors.has(labels) ? dimension(source, labels, 1) : null,
    useLinearProjection: source.tensors.get(`${attention}.proj_in.weight`)?.shape.length === 2,
  };
  requireShapes(source, unetShapes(config));
  requireDivisibleHeads(source, config);
  return config;
}

interface Level {
  channels: number;
  resBlocks: number;
}

function walkInputBlocks(source: TensorSource) {
  const levels: Level[] = [];
  const inputDepths = [0];
  let level: Level | undefined;
  for (let block = 1; ; block++) {
    const convolution = `${UNET_PREFIX}input_blocks.${block}.0.out_layers.3.weight`;
    if (source.tensors.has(convolution)) {
      const channels = dimension(source, convolution, 0);
      if (!level) levels.push((level = { channels, resBlocks: 0 }));
      level.resBlocks++;
    } else if (source.tensors.has(`${UNET_PREFIX}input_blocks.${block}.0.op.weight`)) {
      level = undefined;
    } else {
      return { levels, inputDepths };
    }
    inputDepths.push(transformerDepth(source, `input_blocks.${block}.1`));
  }
}

function walkOutputBlocks(source: TensorSource): number[] {
  const depths: number[] = [];
  while (source.tensors.has(`${UNET_PREFIX}output_blocks.${depths.length}.0.out_layers.3.weight`)) {
    depths.push(transformerDepth(source, `output_blocks.${depths.length}.1`));
  }
  return depths;
}

/** Number of transformer blocks below `block`, a key without the UNet's prefix. */
function transformerDepth(source: TensorSource, block: string): number {
  const prefix = `${UNET_PREFIX}${block}`;
  if (source.tensors.has(`${prefix}.qkv.weight`)) {
    throw new AppError(
      'model.unsupported',
      `checkpoint "${path.basename(source.path)}": "${prefix}" is an attention layer without text, as in unconditional latent diffusion. Stable Diffusion models are supported.`,
    );
  }
  let depth = 0;
  while (source.tensors.has(`${prefix}.transformer_blocks.${depth}.attn1.to_q.weight`)) depth++;
  return depth;
}

/** Key of the first layer that has a transformer: every one of them has the same context. */
function firstAttention(source: TensorSource): string {
  const pattern = /^model\.diffusion_model\.\w+\.\d+(?:\.\d+)?(?=\.transformer_blocks\.0\.)/;
  for (const name of source.tensors.keys()) {
    const match = pattern.exec(name);
    if (match) return match[0];
  }
  return `${UNET_PREFIX}middle_block.1`;
}

function requireDivisibleHeads(source: TensorSource, config: UnetConfig): void {
  const { heads, modelChannels, channelMult } = config;
  const [divisor, what] =
    'numHeads' in heads
      ? [heads.numHeads, `${heads.numHeads} heads`]
      : [heads.numHeadChannels, `heads of ${heads.numHeadChannels} channels`];
  const odd = channelMult.map((mult) => mult * modelChannels).find((size) => size % divisor !== 0);
  if (odd === undefined) return;
  throw new AppError(
    'checkpoint.config',
    `checkpoint "${path.basename(source.path)}": a UNet level of ${odd} channels cannot be divided into ${what}. Put the model's LDM config (same name, .yaml) beside it, with the right num_heads or num_head_channels.`,
  );
}

/**
 * Every tensor of a UNet with its shape, names as in the checkpoint.
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/openaimodel.py, `UNetModel.__init__`)
 */
export function* unetShapes(config: UnetConfig): Generator<NamedShape> {
  const { modelChannels, admInChannels } = config;
  const embedding = 4 * modelChannels;
  yield* linear(`${UNET_PREFIX}time_embed.0`, embedding, modelChannels);
  yield* linear(`${UNET_PREFIX}time_embed.2`, embedding, embedding);
  if (admInChannels !== null) {
    yield* linear(`${UNET_PREFIX}label_emb.0.0`, embedding, admInChannels);
    yield* linear(`${UNET_PREFIX}label_emb.0.2`, embedding, embedding);
  }
  const skipChannels = yield* inputShapes(config);
  yield* middleShapes(config);
  yield* outputShapes(config, skipChannels);
  yield* norm(`${UNET_PREFIX}out.0`, modelChannels);
  yield* conv(`${UNET_PREFIX}out.2`, config.outChannels, modelChannels, 3);
}

/** @returns channels of what each input block hands to its output block */
function* inputShapes(config: UnetConfig): Generator<NamedShape, number[]> {
  const { modelChannels, channelMult, numResBlocks, inputDepths } = config;
  yield* conv(`${UNET_PREFIX}input_blocks.0.0`, modelChannels, config.inChannels, 3);
  const skipChannels = [modelChannels];
  let channels = modelChannels;
  for (const [level, mult] of channelMult.entries()) {
    for (let i = 0; i < (numResBlocks[level] ?? 0); i++) {
      const block = skipChannels.length;
      const prefix = `${UNET_PREFIX}input_blocks.${block}`;
      yield* resBlockShapes(`${prefix}.0`, channels, mult * modelChannels, config);
      channels = mult * modelChannels;
      yield* transformerShapes(`${prefix}.1`, channels, inputDepths[block] ?? 0, config);
      skipChannels.push(channels);
    }
    if (level < channelMult.length - 1) {
      const prefix = `${UNET_PREFIX}input_blocks.${skipChannels.length}`;
      yield* conv(`${prefix}.0.op`, channels, channels, 3);
      skipChannels.push(channels);
    }
  }
  return skipChannels;
}

function* middleShapes(config: UnetConfig): Generator<NamedShape> {
  const channels = (config.channelMult.at(-1) ?? 1) * config.modelChannels;
  const prefix = `${UNET_PREFIX}middle_block`;
  yield* resBlockShapes(`${prefix}.0`, channels, channels, config);
  yield* transformerShapes(`${prefix}.1`, channels, config.middleDepth, config);
  // Where the middle has no transformer, the second residual block moves up.
  const last = config.middleDepth > 0 ? 2 : 1;
  yield* resBlockShapes(`${prefix}.${last}`, channels, channels, config);
}

function* outputShapes(config: UnetConfig, skipChannels: number[]): Generator<NamedShape> {
  const { modelChannels, channelMult, numResBlocks, outputDepths } = config;
  let channels = (channelMult.at(-1) ?? 1) * modelChannels;
  let block = 0;
  for (const [level, mult] of [...channelMult.entries()].reverse()) {
    const resBlocks = (numResBlocks[level] ?? 0) + 1;
    for (let i = 0; i < resBlocks; i++, block++) {
      const prefix = `${UNET_PREFIX}output_blocks.${block}`;
      const input = channels + (skipChannels.pop() ?? 0);
      const depth = outputDepths[block] ?? 0;
      channels = mult * modelChannels;
      yield* resBlockShapes(`${prefix}.0`, input, channels, config);
      yield* transformerShapes(`${prefix}.1`, channels, depth, config);
      if (level > 0 && i === resBlocks - 1) {
        yield* conv(`${prefix}.${depth > 0 ? 2 : 1}.conv`, channels, channels, 3);
      }
    }
  }
}

function* resBlockShapes(
  prefix: string,
  input: number,
  out: number,
  config: UnetConfig,
): Generator<NamedShape> {
  yield* norm(`${prefix}.in_layers.0`, input);
  yield* conv(`${prefix}.in_layers.2`, out, input, 3);
  yield* linear(`${prefix}.emb_layers.1`, out, 4 * config.modelChannels);
  yield* norm(`${prefix}.out_layers.0`, out);
  yield* conv(`${prefix}.out_layers.3`, out, out, 3);
  if (input !== out) yield* conv(`${prefix}.skip_connection`, out, input, 1);
}

function* transformerShapes(
  prefix: string,
  channels: number,
  depth: number,
  config: UnetConfig,
): Generator<NamedShape> {
  if (depth === 0) return;
  yield* norm(`${prefix}.norm`, channels);
  yield* projectionShapes(`${prefix}.proj_in`, channels, config);
  for (let i = 0; i < depth; i++) {
    const block = `${prefix}.transformer_blocks.${i}`;
    yield* attentionShapes(`${block}.attn1`, channels, channels);
    yield* linear(`${block}.ff.net.0.proj`, 8 * channels, channels);
    yield* linear(`${block}.ff.net.2`, channels, 4 * channels);
    yield* attentionShapes(`${block}.attn2`, channels, config.contextDim);
    for (const index of [1, 2, 3]) yield* norm(`${block}.norm${index}`, channels);
  }
  yield* projectionShapes(`${prefix}.proj_out`, channels, config);
}

function projectionShapes(prefix: string, channels: number, { useLinearProjection }: UnetConfig) {
  return useLinearProjection
    ? linear(prefix, channels, channels)
    : conv(prefix, channels, channels, 1);
}

function* attentionShapes(
  prefix: string,
  channels: number,
  context: number,
): Generator<NamedShape> {
  yield [`${prefix}.to_q.weight`, [channels, channels]];
  yield [`${prefix}.to_k.weight`, [channels, context]];
  yield [`${prefix}.to_v.weight`, [channels, context]];
  yield* linear(`${prefix}.to_out.0`, channels, channels);
}
