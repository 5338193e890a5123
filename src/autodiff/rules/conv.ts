import { AppError } from '../../errors.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Node, Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import { intAttribute, intsAttribute, operand, type VjpRule } from '../vjp-rule.ts';

/**
 * z = w ⋆ x + b; x̄ = the transposed convolution of z̄ with w,
 * w̄ = the correlation of x with z̄, b̄ = Σ z̄ over batch and space
 */
export const conv: VjpRule = ({ g, node, ct, input }) => {
  const kernel = operand(node, 1).shape.slice(2);
  const dilated = intsAttribute(node, 'dilations', []).some((dilation) => dilation !== 1);
  if (dilated || intAttribute(node, 'group', 1) !== 1) return [null, null, null];
  const window = windowOf(node, kernel.length);
  return [
    () => inputCotangent(g, { ct, weight: input(1), shape: operand(node, 0).shape, window }),
    () => weightCotangent(g, { ct, x: input(0), shape: operand(node, 1).shape, window }),
    () => g.reduceSum(ct, [0, ...kernel.map((_, i) => i + 2)], false),
  ];
};

/** How the kernel moves: strides, and padding before and after each spatial axis. */
interface Window {
  readonly strides: readonly number[];
  readonly padBegin: readonly number[];
  readonly padEnd: readonly number[];
}

function windowOf(node: Node, rank: number): Window {
  const pads = intsAttribute(node, 'pads', Array<number>(2 * rank).fill(0));
  return {
    strides: intsAttribute(node, 'strides', Array<number>(rank).fill(1)),
    padBegin: pads.slice(0, rank),
    padEnd: pads.slice(rank),
  };
}

interface InputOperands {
  readonly ct: Value;
  /** [O, C, …kernel] */
  readonly weight: Value;
  /** Of the input: [N, C, …] */
  readonly shape: Shape;
  readonly window: Window;
}

/**
 * From this many output positions an image on the convolution with the flipped kernel is at least as
 * fast as the transposed one, which has all patches in memory at a time: for 320 channels at 64×64 42 ms
 * instead of 57, at 32×32 and 640 channels 51 as well, at 16×16 and 1280 channels 200 instead of 88.
 */
const minFlippedPositions = 1024;

function inputCotangent(g: GraphBuilder, operands: InputOperands): Value {
  const positions = elementCount(operands.ct.shape.slice(2));
  const isPixelwise = elementCount(operands.weight.shape.slice(2)) === 1;
  const isStrided = operands.window.strides.some((stride) => stride !== 1);
  return isStrided || isPixelwise || positions < minFlippedPositions
    ? transposedConvolution(g, operands)
    : flippedConvolution(g, operands);
}

function transposedConvolution(
  g: GraphBuilder,
  { ct, weight, shape, window }: InputOperands,
): Value {
  const outputPadding = window.strides.map((stride, i) => {
    const size = dimAt(shape, i + 2);
    const padded = size + (window.padBegin[i] ?? 0) + (window.padEnd[i] ?? 0);
    return (padded - dimAt(weight.shape, i + 2)) % stride;
  });
  return g.op('ConvTranspose', [ct, weight], {
    strides: window.strides,
    pads: [...window.padBegin, ...window.padEnd],
    output_padding: outputPadding,
  });
}

/** z̄ ⋆ w with its channels exchanged and its positions in the opposite order; strides are 1. */
function flippedConvolution(g: GraphBuilder, { ct, weight, window }: InputOperands): Value {
  const kernel = weight.shape.slice(2);
  const axes = kernel.map((_, i) => i + 2);
  const bounds = [
    kernel.map(() => -1),
    kernel.map((size) => -1 - size),
    axes,
    kernel.map(() => -1),
  ].map((list) => g.indices(...list));
  // Before it is transposed: ONNX Runtime 1.30.0 wraps a transposition right behind DequantizeLinear in
  // a QuantizeLinear, which WebGPU lacks.
  const flipped = g.op('Slice', [weight, ...bounds]);
  const pads = [window.padBegin, window.padEnd].flatMap((side) =>
    kernel.map((size, i) => size - 1 - (side[i] ?? 0)),
  );
  return g.op('Conv', [ct, g.transpose(flipped, [1, 0, ...axes])], { pads });
}

interface WeightOperands {
  readonly ct: Value;
  readonly x: Value;
  /** Of the weight: [O, C, …kernel]. */
  readonly shape: Shape;
  readonly window: Window;
}

/**
 * Up to this many output positions an image the correlation is fastest: for 1280 channels at 16×16
 * 115 ms instead of 224 for the matrix product, at 32×32 and 640 channels 123 instead of 85.
 */
const maxCorrelatedPositions = 256;

/** w̄[o, c, k] = Σ over images and positions p of z̄[o, p]·x[c, s·p + k] */
function weightCotangent(g: GraphBuilder, operands: WeightOperands): Value {
  const positions = elementCount(operands.ct.shape.slice(2));
  const isPixelwise = elementCount(operands.shape.slice(2)) === 1;
  return isPixelwise || positions > maxCorrelatedPositions
    ? patchProduct(g, operands)
    : correlation(g, operands);
}

/** A convolution of x with z̄ as its kernel, images in the place of channels. */
function correlation(g: GraphBuilder, { ct, x, shape, window }: WeightOperands): Value {
  const swap = [1, 0, ...shape.slice(2).map((_, i) => i + 2)];
  const full = g.op('Conv', [g.transpose(x, swap), g.transpose(ct, swap)], {
    pads: [...window.padBegin, ...window.padEnd],
    dilations: window.strides,
  });
  // With strides, positions that no kernel reached may stick out at the end.
  const reached = shape.slice(2).reduce((value, size, i) => {
    const axis = i + 2;
    return dimAt(value.shape, axis) === size ? value : g.slice(value, axis, 0, size);
  }, full);
  return g.transpose(reached, swap);
}

/**
 * Patches of more bytes than this are made and multiplied in parts, each of some kernel positions: for 256
 * channels at 256×256 all nine are 604 MB, and as much again before they stand side by side.
 */
const maxPatchBytes = 64 * 2 ** 20;

/** Matrix products of z̄ with the patches that the kernel saw (im2col). */
function patchProduct(g: GraphBuilder, { ct, x, shape, window }: WeightOperands): Value {
  const rows = byChannel(g, ct);
  const padded = pad(g, x, window);
  const positions = kernelPositions(shape.slice(2));
  const channels = dimAt(shape, 1);
  const bytes = Float32Array.BYTES_PER_ELEMENT * channels * dimAt(rows.shape, 1);
  const size = Math.max(1, Math.floor(maxPatchBytes / bytes));
  const products: Value[] = [];
  for (let start = 0; start < positions.length; start += size) {
    const patches = positions
      .slice(start, start + size)
      .map((position) => byChannel(g, seenFrom(g, padded, position, { ct, window })));
    products.push(g.op('Gemm', [rows, joined(g, patches, 0)], { transB: 1 }));
  }
  const product = joined(g, products, 1);
  if (positions.length === 1) return g.reshape(product, shape);
  // Kernel position first, channel second.
  const unordered = g.reshape(product, [dimAt(shape, 0), positions.length, channels]);
  return g.reshape(g.transpose(unordered, [0, 2, 1]), shape);
}

/** [N, C, …] as [C, N·P]. */
function byChannel(g: GraphBuilder, x: Value): Value {
  const [batch, channels] = [dimAt(x.shape, 0), dimAt(x.shape, 1)];
  const spatial = x.shape.slice(2).map((_, i) => i + 2);
  const first = batch === 1 ? x : g.transpose(x, [1, 0, ...spatial]);
  return g.reshape(first, [channels, batch * elementCount(x.shape.slice(2))]);
}

function pad(g: GraphBuilder, x: Value, { padBegin, padEnd }: Window): Value {
  if ([...padBegin, ...padEnd].every((size) => size === 0)) return x;
  return g.op('Pad', [x, g.indices(...[0, 0, ...padBegin, 0, 0, ...padEnd]), g.scalar(0, x)]);
}

/** What of x, padded, one position of the kernel sees: [N, C, …], as large as z̄. */
function seenFrom(
  g: GraphBuilder,
  x: Value,
  position: readonly number[],
  { ct, window }: Pick<WeightOperands, 'ct' | 'window'>,
): Value {
  const size = ct.shape.slice(2);
  const axes = size.map((_, i) => i + 2);
  const ends = position.map((p, i) => p + (window.strides[i] ?? 1) * ((size[i] ?? 1) - 1) + 1);
  const bounds = [position, ends, axes, window.strides].map((list) => g.indices(...list));
  return g.op('Slice', [x, ...bounds]);
}

function joined(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (!first) throw new AppError('graph.invalid', 'a convolution with an empty kernel');
  return values.length === 1 ? first : g.concat(values, axis);
}

function kernelPositions(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (positions, size) =>
      positions.flatMap((position) =>
        Array.from({ length: size }, (_, offset) => [...position, offset]),
      ),
    [[]],
  );
}
