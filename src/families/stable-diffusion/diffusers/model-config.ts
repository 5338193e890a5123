import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import { refinerRefusal } from '../architecture.ts';
import type { LdmConfig } from '../ldm-config.ts';
import { schedulerStatements, silentScheduler } from '../prediction/scheduler-statements.ts';
import type { Statement } from '../prediction/statement.ts';
import { type Expected, requireExpected, required, unsupported } from './expected.ts';
import { requireTextEncoder } from './text-encoder-config.ts';
import { readTokenizerFolder, requireTokenizerClass } from './tokenizer-folder.ts';

/** The file that makes a folder a diffusers model. */
export const MODEL_INDEX = 'model_index.json';

/** Within a model's folder. */
export const unetConfig = path.join('unet', 'config.json');
const textEncoderConfig = path.join('text_encoder', 'config.json');
const vaeConfig = path.join('vae', 'config.json');
const schedulerConfig = path.join('scheduler', 'scheduler_config.json');

/** Files that say how the model is to be run, within its folder. */
export const configFiles = [
  MODEL_INDEX,
  unetConfig,
  textEncoderConfig,
  vaeConfig,
  schedulerConfig,
] as const;

/** A component as the index names it: its library and class, both null where it is left out. */
const component = z.tuple([z.string().nullable(), z.string().nullable()]);
const indexSchema = z.looseObject({
  unet: component.optional(),
  transformer: component.optional(),
  text_encoder: component.optional(),
  text_encoder_2: component.optional(),
  tokenizer: component.optional(),
  vae: component.optional(),
  scheduler: component.optional(),
});
type ModelIndex = z.infer<typeof indexSchema>;
type Part = keyof typeof indexSchema.shape;

const count = z.int().min(1).max(1_000_000);
const oneOrMany = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1).max(64)]);
const beta = z.number().gt(0).lt(1);

/** Defaults are those of the classes' constructors. */
const unetSchema = z.looseObject({
  sample_size: oneOrMany(z.int().min(1).max(4096)).nullish(),
  in_channels: count.default(4),
  out_channels: count.default(4),
  block_out_channels: z.array(count).min(1).max(16),
  cross_attention_dim: oneOrMany(count),
  attention_head_dim: oneOrMany(count).default(8),
  use_linear_projection: z.boolean().default(false),
});
type UnetSettings = z.infer<typeof unetSchema>;
const vaeSchema = z.looseObject({ scaling_factor: z.number().positive().default(0.18215) });
const schedulerSchema = z.looseObject({
  beta_start: beta,
  beta_end: beta,
  beta_schedule: z.literal('scaled_linear'),
  num_train_timesteps: z.int().min(1).max(100_000).default(1000),
});

/**
 * What Stable Diffusion 1.x has of the many things that diffusers' classes can do. They leave no
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
  class_embed_type: [null],
  num_class_embeds: [null],
  addition_embed_type: [null],
  resnet_time_scale_shift: ['default'],
  resnet_skip_time_act: [false],
  resnet_out_scale_factor: [1],
  time_embedding_type: ['positional'],
  time_embedding_act_fn: [null],
  timestep_post_act: [null],
  time_cond_proj_dim: [null],
};
const vaeExpected: Expected = {
  down_block_types: ['DownEncoderBlock2D', 'AttnDownEncoderBlock2D'],
  up_block_types: ['UpDecoderBlock2D', 'AttnUpDecoderBlock2D'],
  act_fn: ['silu', 'swish'],
  norm_num_groups: [32],
  shift_factor: [null],
  latents_mean: [null],
  latents_std: [null],
  use_quant_conv: [true],
  use_post_quant_conv: [true],
  mid_block_add_attention: [true],
};
const schedulerExpected: Expected = {
  trained_betas: [null],
};

/**
 * What the configs in a diffusers folder say, in the words of the LDM config that a single file has
 * beside it. The text encoder's own config is left to `readClipSettings`.
 *
 * @param folder an absolute path.
 * @throws AppError `model.unsupported` for another kind of model, `checkpoint.damaged` for a missing
 *   config, `checkpoint.config` for one that does not fit
 */
export async function readModelConfig(folder: string): Promise<LdmConfig> {
  const at = (name: string) => path.join(folder, name);
  const index = await required(at(MODEL_INDEX), indexSchema);
  requireParts(folder, index);
  const unet = await required(at(unetConfig), unetSchema);
  if (unet.use_linear_projection) throw unsupported(folder, folderRefusal('Stable Diffusion 2.x'));
  requireExpected(at(unetConfig), unet, unetExpected);
  const vae = await required(at(vaeConfig), vaeSchema);
  requireExpected(at(vaeConfig), vae, vaeExpected);
  const scheduler = await readScheduler(at(schedulerConfig), index.scheduler?.[1] ?? null);
  await requireTextEncoder(at(textEncoderConfig));
  requireTokenizerClass(at(MODEL_INDEX), index.tokenizer?.[1] ?? null);
  const { tokenizer } = await readTokenizerFolder(at('tokenizer'));
  const [latentSize] = [unet.sample_size ?? []].flat();
  return {
    path: at(unetConfig),
    ...scheduler,
    latentSize,
    scaleFactor: vae.scaling_factor,
    unet: {
      in_channels: unet.in_channels,
      out_channels: unet.out_channels,
      model_channels: unet.block_out_channels[0],
      context_dim: unet.cross_attention_dim,
      ...unetHeads(at(unetConfig), unet),
    },
    vae: {},
    // Looked for beside the model, as a single file's is.
    textEncoderVersion: path.join(path.basename(folder), 'text_encoder'),
    embedders: [],
    tokenizer,
  };
}

/** Components of a model's index besides the UNet that it draws with: other UNets, and other parts. */
export async function listComponents(
  folder: string,
): Promise<Readonly<Record<'unets' | 'others', readonly string[]>>> {
  const index = await required(path.join(folder, MODEL_INDEX), z.looseObject({}));
  const components = Object.entries(index).flatMap(([name, value]) => {
    const className: unknown = Array.isArray(value) ? value[1] : null;
    return typeof className === 'string' && name !== 'unet' ? [{ name, className }] : [];
  });
  const isUnet = (component: (typeof components)[number]) =>
    /unet/i.test(`${component.name} ${component.className}`);
  return {
    unets: components.filter(isUnet).map(({ name }) => name),
    others: components.filter((component) => !isUnet(component)).map(({ name }) => name),
  };
}

const folderRefusal = (family: string) =>
  `erasing from ${family} in a diffusers folder is not supported yet. Use the model as one .safetensors file.`;

/** What the scheduler says; numbers of the schedule only where it has such a schedule. */
async function readScheduler(
  filePath: string,
  className: string | null,
): Promise<Pick<LdmConfig, 'statements' | 'silent' | 'linearStart' | 'linearEnd' | 'timesteps'>> {
  const config = await required(filePath, z.looseObject({}));
  const statements = schedulerStatements(config, className);
  const silent = (config.prediction_type ?? null) === null ? [silentScheduler] : [];
  if (statements.some(isOfAnotherKind)) {
    return {
      ...{ statements, silent },
      ...{ linearStart: undefined, linearEnd: undefined, timesteps: undefined },
    };
  }
  const schedule = await required(filePath, schedulerSchema);
  requireExpected(filePath, schedule, schedulerExpected);
  return {
    statements,
    silent,
    linearStart: schedule.beta_start,
    linearEnd: schedule.beta_end,
    timesteps: schedule.num_train_timesteps,
  };
}

function isOfAnotherKind({ prediction }: Statement): boolean {
  return prediction === 'edm' || prediction === 'flow';
}

const stableDiffusionClasses = {
  unet: 'UNet2DConditionModel',
  text_encoder: 'CLIPTextModel',
  vae: 'AutoencoderKL',
} as const;

function requireParts(folder: string, index: ModelIndex): void {
  const classOf = (part: Part) => index[part]?.[1] ?? null;
  if (classOf('text_encoder_2') !== null && classOf('unet') !== null) {
    const isRefiner = classOf('text_encoder') === null;
    throw unsupported(folder, isRefiner ? refinerRefusal : folderRefusal('SDXL'));
  }
  if (classOf('transformer') !== null) {
    throw unsupported(folder, 'it has a transformer, no UNet. Use a Stable Diffusion 1.x model.');
  }
  for (const part of ['unet', 'text_encoder', 'vae'] as const) {
    const found = classOf(part);
    if (found === stableDiffusionClasses[part]) continue;
    throw unsupported(
      folder,
      `its model_index.json names ${found === null ? 'nothing' : JSON.stringify(found.slice(0, 80))} as ${part}, where Stable Diffusion 1.x has ${stableDiffusionClasses[part]}. Use a Stable Diffusion 1.x model.`,
    );
  }
}

/**
 * `attention_head_dim` is, in spite of its name, the number of heads.
 * (huggingface/diffusers, src/diffusers/models/unets/unet_2d_condition.py, `__init__`)
 */
function unetHeads(
  filePath: string,
  { attention_head_dim: given, block_out_channels: widths }: UnetSettings,
): { num_heads: number } | { num_head_channels: number } {
  const heads = widths.map((_, level) => (Array.isArray(given) ? given[level] : given));
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
