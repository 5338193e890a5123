import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import type { LdmConfig } from '../ldm-config.ts';
import type { Version } from '../version.ts';
import { type Expected, required, requireExpected } from './expected.ts';

const count = z.int().min(1).max(1_000_000);
const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1).max(64)]);
const crossAttention = 'CrossAttnDownBlock2D';

/** Defaults are those of the class's constructor. */
const unetSchema = z.looseObject({
  sample_size: oneOrMany(z.int().min(1).max(4096)).nullish(),
  in_channels: count.default(4),
  out_channels: count.default(4),
  block_out_channels: z.array(count).min(1).max(16),
  down_block_types: z
    .array(z.string())
    .max(16)
    .default([crossAttention, crossAttention, crossAttention, 'DownBlock2D']),
  cross_attention_dim: oneOrMany(count),
  attention_head_dim: oneOrMany(count).default(8),
  use_linear_projection: z.boolean().default(false),
  addition_time_embed_dim: count.nullish(),
  projection_class_embeddings_input_dim: count.nullish(),
});
/** What the config of a UNet says. */
export type UnetSettings = z.infer<typeof unetSchema>;

/**
 * What Stable Diffusion has of the many things that diffusers' classes can do. They leave no
 * trace in the tensors: with another value the same weights would be another model.
 */
const unetExpected: Expected = {
  down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
  // Pruned ones have a residual block alone there, or nothing.
  mid_block_type: ['UNetMidBlock2DCrossAttn', 'UNetMidBlock2D', null],
  up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  center_input_sample: [false],
  flip_sin_to_cos: [true],
  freq_shift: [0],
  only_cross_attention: [false],
  mid_block_only_cross_attention: [null, false],
  dual_cross_attention: [false],
  cross_attention_norm: [null],
  attention_type: ['default'],
  downsample_padding: [1],
  mid_block_scale_factor: [1],
  act_fn: ['silu', 'swish'],
  norm_num_groups: [32],
  norm_eps: [1e-5],
  encoder_hid_dim: [null],
  encoder_hid_dim_type: [null],
  // The class refuses it: see `unetHeads`.
  num_attention_heads: [null],
  class_embed_type: [null],
  num_class_embeds: [null],
  resnet_time_scale_shift: ['default'],
  resnet_skip_time_act: [false],
  resnet_out_scale_factor: [1],
  time_embedding_type: ['positional'],
  time_embedding_act_fn: [null],
  timestep_post_act: [null],
  time_cond_proj_dim: [null],
};

/** What the UNet is told besides timestep and tokens. */
const additionExpected = (version: Version): Expected => ({
  addition_embed_type: [version.hasAddedCondition ? 'text_time' : null],
});

/** @throws AppError `checkpoint.damaged`, `checkpoint.config` */
export function readUnetConfig(filePath: string): Promise<UnetSettings> {
  return required(filePath, unetSchema);
}

/**
 * What a UNet's config says in the words of an LDM config.
 *
 * @throws AppError `model.unsupported` for what Stable Diffusion does not have, `checkpoint.config`
 */
export function unetInLdmWords(
  filePath: string,
  unet: UnetSettings,
  version: Version,
): LdmConfig['unet'] {
  requireExpected(filePath, unet, unetExpected);
  requireExpected(filePath, { addition_embed_type: null, ...unet }, additionExpected(version));
  return {
    in_channels: unet.in_channels,
    out_channels: unet.out_channels,
    model_channels: unet.block_out_channels[0],
    context_dim: unet.cross_attention_dim,
    use_linear_in_transformer: unet.use_linear_projection,
    adm_in_channels: version.hasAddedCondition ? unet.projection_class_embeddings_input_dim : null,
    ...unetHeads(filePath, unet),
  };
}

/**
 * `attention_head_dim` is, in spite of its name, the number of heads.
 * (huggingface/diffusers, src/diffusers/models/unets/unet_2d_condition.py, `__init__`)
 */
function unetHeads(
  filePath: string,
  { attention_head_dim: given, block_out_channels: all, down_block_types: types }: UnetSettings,
): { num_heads: number } | { num_head_channels: number } {
  const ofLevel = (level: number) => (Array.isArray(given) ? given[level] : given) ?? 0;
  // The middle has as many as the last level.
  const attends = (level: number) => types[level] === crossAttention || level === all.length - 1;
  const levels = [...all.keys()].filter(attends);
  const widths = levels.map((level) => all[level] ?? 0);
  const heads = levels.map(ofLevel);
  const sizes = widths.map((width, level) => width / (heads[level] ?? 0));
  const [firstHeads = 0] = heads;
  const [firstSize = 0] = sizes;
  if (sizes.every(Number.isInteger)) {
    if (heads.every((number) => number === firstHeads)) return { num_heads: firstHeads };
    if (sizes.every((size) => size === firstSize)) return { num_head_channels: firstSize };
  }
  throw new AppError(
    'checkpoint.config',
    `"${filePath}" gives ${JSON.stringify(given)} attention heads (attention_head_dim) for levels of ${widths.join(', ')} channels, which cannot be divided so. Correct it, or use a complete copy of the model.`,
  );
}
