import path from 'node:path';
import { z } from 'zod';

import { AppError } from '../../../errors.ts';
import { readJsonConfig } from '../../../checkpoint/json-config.ts';

const count = z.int().min(1).max(64);
const depths = z.array(z.union([count, z.array(count).max(64)])).max(16);
const crossAttention = 'UNetMidBlock2DCrossAttn';

/** Defaults are those of the class's constructor. */
const blocksSchema = z.looseObject({
  down_block_types: z
    .array(z.string())
    .max(16)
    .default([...Array<string>(3).fill('CrossAttnDownBlock2D'), 'DownBlock2D']),
  up_block_types: z
    .array(z.string())
    .max(16)
    .default(['UpBlock2D', ...Array<string>(3).fill('CrossAttnUpBlock2D')]),
  mid_block_type: z.string().nullable().default(crossAttention),
  layers_per_block: z.union([count, z.array(count).max(16)]).default(2),
  transformer_layers_per_block: z.union([count, depths]).default(1),
  reverse_transformer_layers_per_block: depths.nullish(),
});
type Blocks = z.infer<typeof blocksSchema>;

/** The parts of a UNet that pruning takes out, by diffusers' names. */
const partName =
  /^(?:(?:down|up)_blocks\.\d+|mid_block)\.(?:resnets|attentions|downsamplers|upsamplers)\.\d+/;
const transformerName = /^(?:(?:down|up)_blocks\.\d+|mid_block)\.attentions\.\d+\.\w+\.\d+(?=\.)/;

/**
 * Checks that the weights of a UNet have the blocks that its config names: what diffusers finds no
 * weights for it draws at random, what the config does not name it leaves out.
 *
 * @param configPath of the UNet
 * @param keys of its tensors
 * @throws AppError `checkpoint.damaged` for parts that are missing, `checkpoint.config` for others
 */
export async function requireConfiguredBlocks(
  configPath: string,
  keys: readonly string[],
): Promise<void> {
  const config = await readJsonConfig(configPath, blocksSchema, 'a config of a diffusers model');
  if (!config) return;
  const found = new Set(
    keys.flatMap((key) => [partName, transformerName].flatMap((name) => name.exec(key)?.[0] ?? [])),
  );
  const expected = new Set(configuredParts(config));
  const missing = [...expected].find((part) => !found.has(part));
  if (missing !== undefined) {
    throw new AppError(
      'checkpoint.damaged',
      `the UNet in "${path.dirname(configPath)}" lacks the tensors of "${missing}", which its config.json asks for. Use a complete copy of the model.`,
    );
  }
  const other = [...found].find((part) => !expected.has(part));
  if (other === undefined) return;
  throw new AppError(
    'checkpoint.config',
    `the UNet in "${path.dirname(configPath)}" has "${other}", which its config.json does not name: it is the config of another model. Use a complete copy of the model.`,
  );
}

/**
 * Names of the parts of a UNet with such a config.
 * (huggingface/diffusers, src/diffusers/models/unets/unet_2d_condition.py, `__init__`)
 */
function* configuredParts(config: Blocks): Generator<string> {
  const { down_block_types: down, up_block_types: up, mid_block_type: middle } = config;
  const layers = perLevel(config.layers_per_block, down.length);
  const depths = perLevel(config.transformer_layers_per_block, down.length);
  for (const [level, type] of down.entries()) {
    const side = { count: layers[level] ?? 0, depths: depths[level] ?? 1, type };
    yield* levelParts(`down_blocks.${level}`, side);
    if (level < down.length - 1) yield `down_blocks.${level}.downsamplers.0`;
  }
  yield* middleParts(middle, depths.at(-1));
  const upDepths = config.reverse_transformer_layers_per_block ?? depths.toReversed();
  for (const [step, type] of up.entries()) {
    const number = (layers.at(-1 - step) ?? 0) + 1;
    yield* levelParts(`up_blocks.${step}`, { count: number, depths: upDepths[step] ?? 1, type });
    if (step < up.length - 1) yield `up_blocks.${step}.upsamplers.0`;
  }
}

function* middleParts(
  type: string | null,
  depths: number | readonly number[] = 1,
): Generator<string> {
  if (type !== null) yield 'mid_block.resnets.0';
  if (type !== crossAttention) return;
  yield 'mid_block.resnets.1';
  yield* transformerParts('mid_block.attentions.0', [depths].flat()[0] ?? 1);
}

function perLevel<T>(value: number | readonly T[], levels: number): readonly (T | number)[] {
  return typeof value === 'number' ? Array<number>(levels).fill(value) : value;
}

function* levelParts(
  name: string,
  level: { count: number; depths: number | readonly number[]; type: string },
): Generator<string> {
  const { count, depths, type } = level;
  for (let i = 0; i < count; i++) {
    yield `${name}.resnets.${i}`;
    if (!type.startsWith('CrossAttn')) continue;
    const depth = typeof depths === 'number' ? depths : (depths[i] ?? 1);
    yield* transformerParts(`${name}.attentions.${i}`, depth);
  }
}

function* transformerParts(name: string, depth: number): Generator<string> {
  yield name;
  for (let i = 0; i < depth; i++) yield `${name}.transformer_blocks.${i}`;
}
