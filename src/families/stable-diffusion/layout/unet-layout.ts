import { conv, linear, type NamedShape, norm } from './named-shapes.ts';

/** Where the UNet's tensors are in a single-file checkpoint. */
export const UNET_PREFIX = 'model.diffusion_model.';

/**
 * How the attention layers divide their channels. It leaves no trace in the tensors: SD 1.x fixes the
 * number of heads (8), SD 2.x and SDXL the channels of a head (64).
 */
export type UnetHeads = { readonly numHeads: number } | { readonly numHeadChannels: number };

/**
 * How a file numbers the UNet's blocks. LDM counts them in the order of their work. The script that
 * makes single files of diffusers models gives every level three numbers, whether the level has that
 * many blocks or not; `by-level-unfinished` is what it makes of a UNet with attention at its lowest
 * level, whose names it leaves as diffusers has them. So are single files of BK-SDM (small-sd, tiny-sd).
 * (huggingface/diffusers, scripts/convert_diffusers_to_original_stable_diffusion.py)
 */
export type BlockNumbering = 'consecutive' | 'by-level' | 'by-level-unfinished';

/** The UNet of CompVis' latent diffusion (`UNetModel`), in its words; pruned ones included. */
export interface UnetConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly modelChannels: number;
  /** Width of each level as a multiple of `modelChannels`. */
  readonly channelMult: readonly number[];
  /** Residual blocks of each level on the way down; on the way up there is one more. */
  readonly numResBlocks: readonly number[];
  readonly numbering: BlockNumbering;
  /**
   * Transformer blocks in each of `input_blocks`: 0 for the first convolution, the downsamplings
   * and residual blocks without attention.
   */
  readonly inputDepths: readonly number[];
  /** Residual blocks in the middle: 2; of pruned UNets 1 (SSD-1B, Vega) or 0 (KOALA-700M, small-sd). */
  readonly middleResBlocks: number;
  /** Transformer blocks between the two residual blocks in the middle. */
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

/** What tells where the UNet's blocks are. */
export type UnetLevels = Pick<
  UnetConfig,
  'modelChannels' | 'channelMult' | 'numResBlocks' | 'numbering' | 'inputDepths' | 'outputDepths'
>;

/** Numbers that each level has where they are not consecutive. */
const NUMBERS_PER_LEVEL = 3;

/** A residual block of the UNet and what follows it. Keys are those of a checkpoint, below the prefix. */
export interface UnetBlock {
  /** 0 has the resolution of the latents. */
  readonly level: number;
  readonly residual: string;
  /** Channels that it gives. */
  readonly channels: number;
  readonly transformer: string;
  /** Transformer blocks in there; 0: there is no such layer. */
  readonly depth: number;
  /** A downsampling (`input_blocks`) or an upsampling (`output_blocks`) after it. */
  readonly resampling: string | null;
}

/** The residual blocks on the way down, in the order of their work. */
export function inputBlocks(config: UnetLevels): UnetBlock[] {
  const { channelMult, modelChannels, numResBlocks, numbering, inputDepths } = config;
  const isByLevel = numbering !== 'consecutive';
  const blocks: UnetBlock[] = [];
  // Of the first convolution, which is block 0.
  let position = 1;
  for (const [level, mult] of channelMult.entries()) {
    const count = numResBlocks[level] ?? 0;
    const first = isByLevel ? NUMBERS_PER_LEVEL * level + 1 : position;
    const downsampling = isByLevel ? first + NUMBERS_PER_LEVEL - 1 : first + count;
    for (let i = 0; i < count; i++, position++) {
      const isLast = i === count - 1 && level < channelMult.length - 1;
      blocks.push({
        level,
        residual: `input_blocks.${first + i}.0`,
        channels: mult * modelChannels,
        transformer: `input_blocks.${first + i}.1`,
        depth: inputDepths[position] ?? 0,
        resampling: isLast ? `input_blocks.${downsampling}.0.op` : null,
      });
    }
    position++;
  }
  return blocks;
}

/** The residual blocks on the way up, in the order of their work: one more at each level. */
export function outputBlocks(config: UnetLevels): UnetBlock[] {
  const blocks: UnetBlock[] = [];
  for (let level = config.channelMult.length - 1; level >= 0; level--) {
    blocks.push(...outputLevel(config, level, blocks.length));
  }
  return blocks;
}

/** @param position how many blocks come before */
function outputLevel(config: UnetLevels, level: number, position: number): UnetBlock[] {
  const { channelMult, modelChannels, numResBlocks, numbering, outputDepths } = config;
  const step = channelMult.length - 1 - level;
  const count = (numResBlocks[level] ?? 0) + 1;
  const isByLevel = numbering !== 'consecutive';
  const first = isByLevel ? NUMBERS_PER_LEVEL * step : position;
  const last = first + (isByLevel ? NUMBERS_PER_LEVEL : count) - 1;
  const isUnfinished = numbering === 'by-level-unfinished' && step === 0;
  return Array.from({ length: count }, (_, i) => {
    const depth = outputDepths[position + i] ?? 0;
    const part = depth > 0 && !isUnfinished ? 2 : 1;
    return {
      level,
      residual: `output_blocks.${first + i}.0`,
      channels: (channelMult[level] ?? 1) * modelChannels,
      transformer: isUnfinished ? `up_blocks.0.attentions.${i}` : `output_blocks.${first + i}.1`,
      depth,
      resampling: i === count - 1 && level > 0 ? `output_blocks.${last}.${part}` : null,
    };
  });
}

/** Keys of the residual blocks in the middle; the transformer between two is `middle_block.1`. */
export function middleResiduals({ middleResBlocks, middleDepth }: UnetConfig): string[] {
  // Where the middle has no transformer, the second residual block moves up.
  const second = middleDepth > 0 ? 'middle_block.2' : 'middle_block.1';
  return ['middle_block.0', second].slice(0, middleResBlocks);
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
  let channels = config.modelChannels;
  yield* conv(`${UNET_PREFIX}input_blocks.0.0`, channels, config.inChannels, 3);
  const skipChannels = [channels];
  for (const block of inputBlocks(config)) {
    yield* blockShapes(block, channels, config);
    channels = block.channels;
    skipChannels.push(channels);
    if (block.resampling === null) continue;
    yield* conv(`${UNET_PREFIX}${block.resampling}`, channels, channels, 3);
    skipChannels.push(channels);
  }
  return skipChannels;
}

function* middleShapes(config: UnetConfig): Generator<NamedShape> {
  const channels = (config.channelMult.at(-1) ?? 1) * config.modelChannels;
  for (const residual of middleResiduals(config)) {
    yield* resBlockShapes(`${UNET_PREFIX}${residual}`, channels, channels, config);
  }
  yield* transformerShapes(`${UNET_PREFIX}middle_block.1`, channels, config.middleDepth, config);
}

function* outputShapes(config: UnetConfig, skipChannels: number[]): Generator<NamedShape> {
  let channels = (config.channelMult.at(-1) ?? 1) * config.modelChannels;
  for (const block of outputBlocks(config)) {
    yield* blockShapes(block, channels + (skipChannels.pop() ?? 0), config);
    channels = block.channels;
    if (block.resampling === null) continue;
    yield* conv(`${UNET_PREFIX}${block.resampling}.conv`, channels, channels, 3);
  }
}

function* blockShapes(
  { residual, transformer, channels, depth }: UnetBlock,
  input: number,
  config: UnetConfig,
): Generator<NamedShape> {
  yield* resBlockShapes(`${UNET_PREFIX}${residual}`, input, channels, config);
  yield* transformerShapes(`${UNET_PREFIX}${transformer}`, channels, depth, config);
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
