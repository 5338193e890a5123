import type { TensorTable } from '../../checkpoint/safetensors-header.ts';
import { AppError } from '../../errors.ts';
import { isSameShape, type Shape } from '../../tensor/shape.ts';
import type { PixelUnetConfig } from './config.ts';

/** A residual block, and whether attention follows it. */
export interface Block {
  /** What its keys begin with: `down_blocks.0`, within which it is the so-and-so-manieth. */
  readonly level: string;
  readonly index: number;
  readonly from: number;
  readonly to: number;
  readonly attends: boolean;
  /** Whether its level is halved or doubled behind it. */
  readonly resamples: boolean;
}

/** Blocks on the way down, in the order of their work. */
export function downBlocks(config: PixelUnetConfig): Block[] {
  const { widths, attendsDown, layersPerBlock } = config;
  return widths.flatMap((to, i) =>
    Array.from({ length: layersPerBlock }, (_, index) => ({
      ...{ level: `down_blocks.${i}`, index, to, attends: attendsDown[i] === true },
      from: index === 0 ? (widths[i - 1] ?? widths[0] ?? to) : to,
      resamples: index === layersPerBlock - 1 && i < widths.length - 1,
    })),
  );
}

/** Blocks on the way up, in the order of their work; `from` counts what joins from the way down. */
export function upBlocks(config: PixelUnetConfig): Block[] {
  const { widths, attendsUp, layersPerBlock } = config;
  const last = widths.length - 1;
  return widths.flatMap((_, i) => {
    const level = last - i;
    const to = widths[level] ?? 0;
    const below = widths[Math.min(level + 1, last)] ?? to;
    const above = widths[Math.max(level - 1, 0)] ?? to;
    return Array.from({ length: layersPerBlock + 1 }, (_unused, index) => ({
      ...{ level: `up_blocks.${i}`, index, to, attends: attendsUp[level] === true },
      from: (index === 0 ? below : to) + (index === layersPerBlock ? above : to),
      resamples: index === layersPerBlock && level > 0,
    }));
  });
}

/** What attention calls its layers: as it does, or as it did before version 0.16 of diffusers. */
export const attentionNames = {
  now: { queries: 'to_q', keys: 'to_k', values: 'to_v', output: 'to_out.0' },
  before: { queries: 'query', keys: 'key', values: 'value', output: 'proj_attn' },
} as const;

/** Every tensor of the model with its shape, attention by the names that the file has. */
function* unetShapes(
  config: PixelUnetConfig,
  tensors: TensorTable,
): Generator<readonly [name: string, shape: Shape]> {
  const { widths, channels, embeddingWidth, classes } = config;
  const [first = 0] = widths;
  const widest = widths.at(-1) ?? 0;
  yield* layer('conv_in', [first, channels, 3, 3]);
  yield* embeddingLayers('time_embedding', first, embeddingWidth);
  if (classes.kind === 'table') {
    yield ['class_embedding.weight', [classes.classes, embeddingWidth]];
  } else if (classes.kind === 'timestep') {
    yield* embeddingLayers('class_embedding', first, embeddingWidth);
  }
  const block = (key: Block) => blockShapes(key, embeddingWidth, tensors);
  for (const down of downBlocks(config)) {
    yield* block(down);
    if (down.resamples) {
      yield* layer(`${down.level}.downsamplers.0.conv`, [down.to, down.to, 3, 3]);
    }
  }
  if (config.hasMiddle) {
    const middle = { level: 'mid_block', from: widest, to: widest, resamples: false };
    yield* block({ ...middle, index: 0, attends: config.attendsInMiddle });
    yield* block({ ...middle, index: 1, attends: false });
  }
  for (const up of upBlocks(config)) {
    yield* block(up);
    if (up.resamples) yield* layer(`${up.level}.upsamplers.0.conv`, [up.to, up.to, 3, 3]);
  }
  yield* layer('conv_norm_out', [first]);
  yield* layer('conv_out', [channels, first, 3, 3]);
}

type NamedShape = readonly [name: string, shape: Shape];

/** A weight, and a bias for each of its outputs. */
function* layer(name: string, weight: Shape): Generator<NamedShape> {
  yield [`${name}.weight`, weight];
  yield [`${name}.bias`, weight.slice(0, 1)];
}

function* embeddingLayers(name: string, from: number, to: number): Generator<NamedShape> {
  yield* layer(`${name}.linear_1`, [to, from]);
  yield* layer(`${name}.linear_2`, [to, to]);
}

function* blockShapes(
  { level, index, from, to, attends }: Block,
  embeddingWidth: number,
  tensors: TensorTable,
): Generator<NamedShape> {
  const residual = `${level}.resnets.${index}`;
  yield* layer(`${residual}.norm1`, [from]);
  yield* layer(`${residual}.conv1`, [to, from, 3, 3]);
  yield* layer(`${residual}.time_emb_proj`, [to, embeddingWidth]);
  yield* layer(`${residual}.norm2`, [to]);
  yield* layer(`${residual}.conv2`, [to, to, 3, 3]);
  if (from !== to) yield* layer(`${residual}.conv_shortcut`, [to, from, 1, 1]);
  if (!attends) return;
  const attention = `${level}.attentions.${index}`;
  const { now, before } = attentionNames;
  const names = tensors.has(`${attention}.${before.queries}.weight`) ? before : now;
  yield* layer(`${attention}.group_norm`, [to]);
  for (const name of Object.values(names)) yield* layer(`${attention}.${name}`, [to, to]);
}

/**
 * The tensors of a model by its config, made sure that they are there as they must be.
 *
 * @param configPath for messages
 * @throws AppError `checkpoint.damaged`, `checkpoint.config`, `model.unsupported` for tensors that the config
 *   knows nothing of
 */
export function requireLayout(
  config: PixelUnetConfig,
  tensors: TensorTable,
  { modelPath, configPath }: { readonly modelPath: string; readonly configPath: string },
): ReadonlyMap<string, Shape> {
  const shapes = new Map(unetShapes(config, tensors));
  for (const [name, shape] of shapes) {
    const found = tensors.get(name);
    if (found && isSameShape(found.shape, shape)) continue;
    const expected = `as [${shape.join(', ')}], and "${modelPath}" has it ${found ? `as [${found.shape.join(', ')}]` : 'not at all'}`;
    throw new AppError(
      found ? 'checkpoint.config' : 'checkpoint.damaged',
      `the tensor "${name}" stands in the model by "${configPath}" ${expected}. Weights and config must be of one model: use a complete copy of it.`,
    );
  }
  const foreign = [...tensors.keys()].find((name) => !shapes.has(name));
  if (foreign === undefined) return shapes;
  throw new AppError(
    'model.unsupported',
    `"${modelPath}" has the tensor "${foreign}", of which "${configPath}" says nothing. Weights and config must be of one model.`,
  );
}
