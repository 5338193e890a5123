import path from 'node:path';

import { AppError } from '../../../errors.ts';
import { dimension, missingTensor, requireShapes, type TensorSource } from './named-shapes.ts';
import {
  type BlockNumbering,
  inputBlocks,
  outputBlocks,
  UNET_PREFIX,
  type UnetBlock,
  type UnetConfig,
  type UnetHeads,
  unetShapes,
} from './unet-layout.ts';
import { UnetModules } from './unet-modules.ts';

/**
 * The configuration of a checkpoint's UNet, from its keys and shapes; every tensor that follows from
 * it is then checked to be there. Pruned UNets are read as what they are; a hole that no pruned UNet
 * is known to have is a damaged file.
 *
 * @param heads the one thing that the tensors do not tell.
 * @throws AppError `checkpoint.damaged`, `model.unsupported`, `checkpoint.config` if the heads do not
 *   divide a level's channels
 */
export function deriveUnetConfig(source: TensorSource, heads: UnetHeads): UnetConfig {
  const modules = new UnetModules(source);
  const stem = `${UNET_PREFIX}input_blocks.0.0.weight`;
  const labels = `${UNET_PREFIX}label_emb.0.0.weight`;
  const config = withDepths(modules, {
    inChannels: dimension(source, stem, 1),
    outChannels: dimension(source, `${UNET_PREFIX}out.2.weight`, 0),
    modelChannels: dimension(source, stem, 0),
    heads,
    admInChannels: source.tensors.has(labels) ? dimension(source, labels, 1) : null,
    ...readLevels(source, modules),
    ...readMiddle(modules),
  });
  const attention = `${UNET_PREFIX}${modules.firstTransformer() ?? 'middle_block.1'}`;
  const whole: UnetConfig = {
    ...config,
    contextDim: dimension(source, `${attention}.transformer_blocks.0.attn2.to_k.weight`, 1),
    useLinearProjection: source.tensors.get(`${attention}.proj_in.weight`)?.shape.length === 2,
  };
  requireEvenAttention(source, whole);
  requireShapes(source, unetShapes(whole));
  requireDivisibleHeads(source, whole);
  return whole;
}

/** What follows from where the blocks are that halve the latents. */
function readLevels(
  source: TensorSource,
  modules: UnetModules,
): Pick<UnetConfig, 'channelMult' | 'numResBlocks' | 'numbering'> {
  const numbers = modules.blockNumbers('input_blocks').filter((number) => number > 0);
  const levels: number[][] = [[]];
  for (const number of numbers) {
    if (modules.has(`input_blocks.${number}.0`, 'resampling')) levels.push([]);
    else levels.at(-1)?.push(number);
  }
  const numResBlocks = levels.map((level) => level.length);
  const numbering = readNumbering(source, modules, numResBlocks);
  const modelChannels = dimension(source, `${UNET_PREFIX}input_blocks.0.0.weight`, 0);
  const channelMult = levels.map(([first = 0]) => {
    const convolution = `${UNET_PREFIX}input_blocks.${first}.0.out_layers.3.weight`;
    return dimension(source, convolution, 0) / modelChannels;
  });
  return { channelMult, numResBlocks, numbering };
}

function readNumbering(
  source: TensorSource,
  modules: UnetModules,
  numResBlocks: readonly number[],
): BlockNumbering {
  const sides = ['input_blocks', 'output_blocks'] as const;
  const [inputs = [], outputs = []] = sides.map((side) => modules.blockNumbers(side));
  const isNumbered = (numbering: BlockNumbering) => {
    const expected = numbersOf(numResBlocks, numbering);
    return isSame(expected.input, inputs) && isSame(expected.output, outputs);
  };
  if (isNumbered('consecutive')) return 'consecutive';
  // Every UNet that is known to be so numbered has levels of one size.
  if (new Set(numResBlocks).size === 1 && isNumbered('by-level')) {
    return modules.isUnfinished() ? 'by-level-unfinished' : 'by-level';
  }
  throw missingTensor(source, UNET_PREFIX + firstHole(modules, { inputs, outputs, numResBlocks }));
}

/** The numbers of all blocks, ascending. */
function numbersOf(numResBlocks: readonly number[], numbering: BlockNumbering) {
  const shape = {
    ...{ numbering, numResBlocks, channelMult: numResBlocks.map(() => 1), modelChannels: 1 },
    ...{ inputDepths: [], outputDepths: [] },
  };
  const numbers = (blocks: readonly UnetBlock[]) =>
    blocks
      .flatMap(({ residual, resampling }) =>
        resampling === null ? residual : [residual, resampling],
      )
      .map((key) => Number(key.split('.')[1]));
  const ascending = (all: readonly number[]) => [...new Set(all)].sort((a, b) => a - b);
  return {
    input: ascending([0, ...numbers(inputBlocks(shape))]),
    output: ascending(numbers(outputBlocks(shape))),
  };
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, i) => number === b[i]);
}

/** A tensor of the first block that should be there, below the UNet's prefix. */
function firstHole(
  modules: UnetModules,
  found: {
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
    readonly numResBlocks: readonly number[];
  },
): string {
  const gap = (numbers: readonly number[]) => numbers.findIndex((number, i) => number !== i);
  const block = (side: string, number: number) => `${side}.${number}.0.in_layers.0.weight`;
  const [inputGap, outputGap] = [gap(found.inputs), gap(found.outputs)];
  if (inputGap >= 0) {
    const upsamplings = found.outputs.filter((number) =>
      [1, 2].some((part) => modules.has(`output_blocks.${number}.${part}`, 'resampling')),
    );
    const isDownsampling = upsamplings.length >= found.numResBlocks.length;
    return isDownsampling
      ? `input_blocks.${inputGap}.0.op.weight`
      : block('input_blocks', inputGap);
  }
  if (outputGap >= 0) return block('output_blocks', outputGap);
  const expected = numbersOf(found.numResBlocks, 'consecutive').output.length;
  return found.outputs.length < expected
    ? block('output_blocks', found.outputs.length)
    : block('input_blocks', found.inputs.length);
}

/**
 * The middle of a UNet has a transformer between two residual blocks; of pruned ones a residual block
 * alone, or nothing.
 */
function readMiddle(modules: UnetModules): Pick<UnetConfig, 'middleResBlocks' | 'middleDepth'> {
  const depth = modules.depth('middle_block.1');
  if (depth > 0 || modules.has('middle_block.2', 'residual')) {
    return { middleResBlocks: 2, middleDepth: Math.max(1, depth) };
  }
  if (modules.has('middle_block.1', 'residual')) return { middleResBlocks: 2, middleDepth: 0 };
  return { middleResBlocks: modules.has('middle_block.0', 'residual') ? 1 : 0, middleDepth: 0 };
}

function withDepths(
  modules: UnetModules,
  partial: Omit<UnetConfig, 'inputDepths' | 'outputDepths' | 'contextDim' | 'useLinearProjection'>,
) {
  const config = { ...partial, inputDepths: [], outputDepths: [] };
  const depthOf = ({ transformer }: UnetBlock) => modules.depth(transformer);
  const inputDepths = inputBlocks(config).flatMap((block) =>
    block.resampling === null ? [depthOf(block)] : [depthOf(block), 0],
  );
  return {
    ...partial,
    inputDepths: [0, ...inputDepths],
    outputDepths: outputBlocks(config).map(depthOf),
  };
}

/**
 * Every level of a UNet, pruned or not, has a transformer after each of its residual blocks or after
 * none, on the way down all of one depth. On the way up SSD-1B has several depths in a level.
 */
function requireEvenAttention(source: TensorSource, config: UnetConfig): void {
  const down = inputBlocks(config);
  const all = [...down, ...outputBlocks(config)];
  for (const level of config.channelMult.keys()) {
    const isHere = (block: UnetBlock) => block.level === level;
    const deepest = Math.max(...down.filter(isHere).map(({ depth }) => depth));
    const blocks = all.filter(isHere);
    if (blocks.every(({ depth }) => depth === 0)) continue;
    const odd =
      blocks.find(({ depth }) => depth === 0) ??
      down.find((block) => isHere(block) && block.depth < deepest);
    if (!odd) continue;
    const { transformer, depth } = odd;
    const name = depth === 0 ? 'norm.weight' : `transformer_blocks.${depth}.attn1.to_q.weight`;
    throw missingTensor(source, `${UNET_PREFIX}${transformer}.${name}`);
  }
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
