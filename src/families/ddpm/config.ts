import { z } from 'zod';

import { readJsonConfig } from '../../checkpoint/json-config.ts';
import { elementAt } from '../../element-at.ts';
import { AppError } from '../../errors.ts';

const count = z.int().min(1).max(1_000_000);
const levels = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(16);

/** Defaults are those of the class's constructor (diffusers, models/unets/unet_2d.py). */
const configSchema = z.looseObject({
  sample_size: z.union([count, z.array(count).min(1).max(2)]).nullish(),
  in_channels: count.default(3),
  out_channels: count.default(3),
  time_embedding_dim: count.nullish(),
  freq_shift: z.number().default(0),
  flip_sin_to_cos: z.boolean().default(true),
  down_block_types: levels(z.enum(['DownBlock2D', 'AttnDownBlock2D'])).default([
    'DownBlock2D',
    ...Array<'AttnDownBlock2D'>(3).fill('AttnDownBlock2D'),
  ]),
  mid_block_type: z.literal('UNetMidBlock2D').nullable().default('UNetMidBlock2D'),
  up_block_types: levels(z.enum(['UpBlock2D', 'AttnUpBlock2D'])).default([
    ...Array<'AttnUpBlock2D'>(3).fill('AttnUpBlock2D'),
    'UpBlock2D',
  ]),
  block_out_channels: levels(count).default([224, 448, 672, 896]),
  layers_per_block: z.int().min(1).max(16).default(2),
  downsample_padding: z.union([z.literal(0), z.literal(1)]).default(1),
  attention_head_dim: count.nullable().default(8),
  norm_num_groups: count.default(32),
  attn_norm_num_groups: count.nullish(),
  norm_eps: z.number().positive().default(1e-5),
  add_attention: z.boolean().default(true),
  class_embed_type: z.literal('timestep').nullish(),
  num_class_embeds: count.nullish(),
});
type Config = z.infer<typeof configSchema>;

/** What else the class can do and leaves no trace in the tensors; with other values it is another model. */
const expected: Readonly<Record<string, readonly unknown[]>> = {
  center_input_sample: [false],
  time_embedding_type: ['positional'],
  mid_block_scale_factor: [1],
  downsample_type: ['conv'],
  upsample_type: ['conv'],
  act_fn: ['silu', 'swish'],
  resnet_time_scale_shift: ['default'],
};

/** How a model is told of what to draw. */
export type ClassEmbedding =
  | { readonly kind: 'none' }
  /** A vector for each class. */
  | { readonly kind: 'table'; readonly classes: number }
  /** Made of the class's number as that of a timestep is. */
  | { readonly kind: 'timestep' };

/** A `UNet2DModel`: all that its tensors do not tell. */
export interface PixelUnetConfig {
  /** Height and width of its pictures; null where the config does not say. */
  readonly sampleSize: { readonly height: number; readonly width: number } | null;
  /** Of a picture: 1 (grey) or 3. */
  readonly channels: number;
  /** Channels of each level, the finest first. */
  readonly widths: readonly number[];
  /** Which levels attend on the way down and on the way up, both from the finest on. */
  readonly attendsDown: readonly boolean[];
  readonly attendsUp: readonly boolean[];
  readonly hasMiddle: boolean;
  readonly attendsInMiddle: boolean;
  readonly layersPerBlock: number;
  /** Of the embedding of timesteps, after its layers. */
  readonly embeddingWidth: number;
  readonly timesteps: { readonly sinesFirst: boolean; readonly shift: number };
  readonly classes: ClassEmbedding;
  /** Whether rows and columns are added on all sides before a level is halved, not after it alone. */
  readonly padsEvenly: boolean;
  /** Channels of a head; null for one head. */
  readonly headChannels: number | null;
  readonly groups: number;
  /** Of the attention in the middle. */
  readonly middleGroups: number;
  readonly epsilon: number;
}

/**
 * Whether a config is that of a `UNet2DModel`, by the class that it names; very old ones name none.
 *
 * @throws AppError `checkpoint.config` for what is no JSON
 */
export async function isPixelUnetConfig(filePath: string): Promise<boolean> {
  const config = await readJsonConfig(filePath, z.unknown(), 'a config of a diffusers model');
  const { data } = z.looseObject({ _class_name: z.unknown() }).safeParse(config);
  return data?._class_name === 'UNet2DModel';
}

/**
 * Reads the config of a `UNet2DModel`.
 *
 * @throws AppError `checkpoint.damaged` where there is none, `checkpoint.config`, `model.unsupported`
 */
export async function readPixelUnetConfig(filePath: string): Promise<PixelUnetConfig> {
  const config = await readJsonConfig(filePath, z.looseObject({}), 'a config of a UNet2DModel');
  if (!config) {
    throw new AppError(
      'checkpoint.damaged',
      `"${filePath}" is not there, which says how the model's layers are joined. Use a complete copy of the model.`,
    );
  }
  requireSupported(filePath, config);
  const known = await readJsonConfig(filePath, configSchema, 'a config of a UNet2DModel');
  return shapeOf(filePath, configSchema.parse(known));
}

function requireSupported(filePath: string, config: Readonly<Record<string, unknown>>): void {
  for (const [name, values] of Object.entries(expected)) {
    const found = config[name];
    if (found === undefined || values.includes(found)) continue;
    throw unsupported(
      filePath,
      `it sets ${name} to ${JSON.stringify(found).slice(0, 80)}, and only ${values.map((value) => JSON.stringify(value)).join(' or ')} can be trained here.`,
    );
  }
  const { class_embed_type: embedding } = config;
  if (embedding != null && embedding !== 'timestep') {
    throw unsupported(
      filePath,
      `it sets class_embed_type to ${JSON.stringify(embedding)}, whose classes are vectors that something else makes. Models with num_class_embeds, or without classes, can be asked.`,
    );
  }
  for (const side of ['down', 'up', 'mid'] as const) {
    const types = [config[`${side}_block_type${side === 'mid' ? '' : 's'}`]].flat();
    const odd = types.find((type) => typeof type === 'string' && !knownBlocks.includes(type));
    if (odd !== undefined) {
      throw unsupported(
        filePath,
        `it has blocks of the kind ${JSON.stringify(odd)}, and only ${knownBlocks.join(', ')} can be trained here.`,
      );
    }
  }
}

const knownBlocks = [
  ...['DownBlock2D', 'AttnDownBlock2D', 'UNetMidBlock2D', 'UpBlock2D', 'AttnUpBlock2D'],
];

function shapeOf(filePath: string, config: Config): PixelUnetConfig {
  requireFittingNumbers(filePath, config);
  const { block_out_channels: widths, norm_num_groups: groups } = config;
  const hasMiddle = config.mid_block_type !== null;
  return {
    ...{ sampleSize: sizeOf(config), channels: config.in_channels, widths },
    attendsDown: config.down_block_types.map((type) => type === 'AttnDownBlock2D'),
    attendsUp: config.up_block_types.map((type) => type === 'AttnUpBlock2D').reverse(),
    ...{ hasMiddle, attendsInMiddle: hasMiddle && config.add_attention },
    layersPerBlock: config.layers_per_block,
    embeddingWidth: config.time_embedding_dim ?? 4 * elementAt(widths, 0),
    timesteps: { sinesFirst: !config.flip_sin_to_cos, shift: config.freq_shift },
    classes: classesOf(config),
    padsEvenly: config.downsample_padding === 1,
    headChannels: config.attention_head_dim,
    ...{ groups, middleGroups: config.attn_norm_num_groups ?? groups, epsilon: config.norm_eps },
  };
}

function sizeOf({ sample_size: given }: Config): PixelUnetConfig['sampleSize'] {
  if (given == null) return null;
  const sides = [given].flat();
  const height = elementAt(sides, 0);
  return { height, width: sides[1] ?? height };
}

function classesOf({ class_embed_type: type, num_class_embeds: classes }: Config): ClassEmbedding {
  if (type === 'timestep') return { kind: type };
  return classes == null ? { kind: 'none' } : { kind: 'table', classes };
}

/** @throws AppError `checkpoint.config` for numbers that do not go together, `model.unsupported` */
function requireFittingNumbers(filePath: string, config: Config): void {
  const { block_out_channels: widths, down_block_types: down, up_block_types: up } = config;
  if (down.length !== widths.length || up.length !== widths.length) {
    throw configError(
      filePath,
      `has ${widths.length} block_out_channels, ${down.length} down_block_types and ${up.length} up_block_types, which must be as many`,
    );
  }
  if (config.in_channels !== config.out_channels || ![1, 3].includes(config.in_channels)) {
    throw unsupported(
      filePath,
      `it takes ${config.in_channels} channels and gives ${config.out_channels}, where a model of pictures has 3 of both, or 1 of grey ones.`,
    );
  }
  requireDivided(filePath, widths, ['norm_num_groups', config.norm_num_groups]);
  const attending = widths.filter((_, level) => attendsAt(config, level));
  requireDivided(filePath, attending, ['attention_head_dim', config.attention_head_dim ?? 1]);
}

function requireDivided(
  filePath: string,
  widths: readonly number[],
  [setting, divisor]: readonly [setting: string, divisor: number],
): void {
  const odd = widths.find((width) => width % divisor !== 0);
  if (odd === undefined) return;
  throw configError(filePath, `sets ${setting} to ${divisor}, which does not divide ${odd}`);
}

/** Whether anything attends at a level, from the finest on; the middle is at the last one. */
function attendsAt(config: Config, level: number): boolean {
  const types = [config.down_block_types[level], config.up_block_types.at(-1 - level)];
  const isMiddle = level === config.block_out_channels.length - 1 && config.add_attention;
  return isMiddle || types.some((type) => type?.startsWith('Attn') === true);
}

function unsupported(filePath: string, reason: string): AppError {
  return new AppError('model.unsupported', `"${filePath}": ${reason}`);
}

function configError(filePath: string, fault: string): AppError {
  return new AppError(
    'checkpoint.config',
    `"${filePath}" ${fault}. Correct it, or use a complete copy of the model.`,
  );
}
