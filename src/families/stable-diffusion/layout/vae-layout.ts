import {
  conv,
  dimension,
  type NamedShape,
  norm,
  requireShapes,
  type TensorSource,
} from './named-shapes.ts';

/** Where the VAE's tensors are in a single-file checkpoint. */
export const VAE_PREFIX = 'first_stage_model.';

/** The VAE of CompVis' latent diffusion (`AutoencoderKL`), in its words. */
export interface VaeConfig {
  readonly ch: number;
  /** Width of each level as a multiple of `ch`; level 0 has the image's resolution. */
  readonly chMult: readonly number[];
  /** Residual blocks of each level of the encoder; the decoder has one more. */
  readonly numResBlocks: number;
  /** Channels of the image: 3. */
  readonly imageChannels: number;
  readonly zChannels: number;
  /** Channels of the latents between encoder and decoder. */
  readonly embedDim: number;
  /** Levels with attention after each residual block, besides the middle; SD has none. */
  readonly attentionLevels: readonly number[];
  /** What latents are multiplied by before the UNet sees them. */
  readonly scaleFactor: number;
}

/**
 * The configuration of a checkpoint's VAE, from its keys and shapes; every tensor that follows from
 * it is then checked to be there.
 *
 * @param scaleFactor latent scale, which the tensors do not tell: 0.18215 for SD 1.x and 2.x.
 * @throws AppError `checkpoint.damaged`, `model.unsupported`
 */
export function deriveVaeConfig(source: TensorSource, scaleFactor: number): VaeConfig {
  const encoder = `${VAE_PREFIX}encoder`;
  const ch = dimension(source, `${encoder}.conv_in.weight`, 0);
  const widths: number[] = [];
  const hasBlock = (level: number, block: number) =>
    source.tensors.has(`${encoder}.down.${level}.block.${block}.conv1.weight`);
  while (hasBlock(widths.length, 0)) {
    widths.push(dimension(source, `${encoder}.down.${widths.length}.block.0.conv1.weight`, 0));
  }
  let numResBlocks = 0;
  while (hasBlock(0, numResBlocks)) numResBlocks++;
  const config: VaeConfig = {
    ch,
    chMult: widths.map((width) => width / ch),
    numResBlocks,
    imageChannels: dimension(source, `${encoder}.conv_in.weight`, 1),
    zChannels: dimension(source, `${VAE_PREFIX}decoder.conv_in.weight`, 1),
    embedDim: dimension(source, `${VAE_PREFIX}post_quant_conv.weight`, 1),
    attentionLevels: [...widths.keys()].filter((level) =>
      source.tensors.has(`${encoder}.down.${level}.attn.0.q.weight`),
    ),
    scaleFactor,
  };
  requireShapes(source, vaeShapes(config));
  return config;
}

/**
 * Every tensor of a VAE with its shape, names as in the checkpoint.
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/model.py, `Encoder` and `Decoder`)
 */
export function* vaeShapes(config: VaeConfig): Generator<NamedShape> {
  const { zChannels, embedDim } = config;
  yield* encoderShapes(config);
  yield* conv(`${VAE_PREFIX}quant_conv`, 2 * embedDim, 2 * zChannels, 1);
  yield* conv(`${VAE_PREFIX}post_quant_conv`, zChannels, embedDim, 1);
  yield* decoderShapes(config);
}

function* encoderShapes(config: VaeConfig): Generator<NamedShape> {
  const { ch, chMult, numResBlocks, zChannels, attentionLevels } = config;
  const prefix = `${VAE_PREFIX}encoder`;
  yield* conv(`${prefix}.conv_in`, ch, config.imageChannels, 3);
  let channels = ch;
  for (const [level, mult] of chMult.entries()) {
    for (let block = 0; block < numResBlocks; block++) {
      yield* resnetShapes(`${prefix}.down.${level}.block.${block}`, channels, mult * ch);
      channels = mult * ch;
      if (attentionLevels.includes(level)) {
        yield* attentionShapes(`${prefix}.down.${level}.attn.${block}`, channels);
      }
    }
    if (level < chMult.length - 1) {
      yield* conv(`${prefix}.down.${level}.downsample.conv`, channels, channels, 3);
    }
  }
  yield* middleShapes(prefix, channels);
  yield* norm(`${prefix}.norm_out`, channels);
  yield* conv(`${prefix}.conv_out`, 2 * zChannels, channels, 3);
}

function* decoderShapes(config: VaeConfig): Generator<NamedShape> {
  const { ch, chMult, numResBlocks, attentionLevels } = config;
  const prefix = `${VAE_PREFIX}decoder`;
  let channels = (chMult.at(-1) ?? 1) * ch;
  yield* conv(`${prefix}.conv_in`, channels, config.zChannels, 3);
  yield* middleShapes(prefix, channels);
  for (const [level, mult] of [...chMult.entries()].reverse()) {
    for (let block = 0; block <= numResBlocks; block++) {
      yield* resnetShapes(`${prefix}.up.${level}.block.${block}`, channels, mult * ch);
      channels = mult * ch;
      if (attentionLevels.includes(level)) {
        yield* attentionShapes(`${prefix}.up.${level}.attn.${block}`, channels);
      }
    }
    if (level > 0) yield* conv(`${prefix}.up.${level}.upsample.conv`, channels, channels, 3);
  }
  yield* norm(`${prefix}.norm_out`, channels);
  yield* conv(`${prefix}.conv_out`, config.imageChannels, channels, 3);
}

function* middleShapes(prefix: string, channels: number): Generator<NamedShape> {
  yield* resnetShapes(`${prefix}.mid.block_1`, channels, channels);
  yield* attentionShapes(`${prefix}.mid.attn_1`, channels);
  yield* resnetShapes(`${prefix}.mid.block_2`, channels, channels);
}

function* resnetShapes(prefix: string, input: number, out: number): Generator<NamedShape> {
  yield* norm(`${prefix}.norm1`, input);
  yield* conv(`${prefix}.conv1`, out, input, 3);
  yield* norm(`${prefix}.norm2`, out);
  yield* conv(`${prefix}.conv2`, out, out, 3);
  if (input !== out) yield* conv(`${prefix}.nin_shortcut`, out, input, 1);
}

function* attentionShapes(prefix: string, channels: number): Generator<NamedShape> {
  yield* norm(`${prefix}.norm`, channels);
  for (const name of ['q', 'k', 'v', 'proj_out']) {
    yield* conv(`${prefix}.${name}`, channels, channels, 1);
  }
}
