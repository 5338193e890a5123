import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Module } from '../module.ts';
import type { LowRankChange } from '../weights.ts';

/**
 * scale·(x·Wᵀ + b) with the module's `weight` [out, in] (or [out, in, 1, 1], a convolution of one
 * pixel) and, where there is one, `bias` [out]; a low-rank change of the weight is added.
 *
 * @param x [..., in]
 * @returns [..., out]
 */
export function linear(module: Module, x: Value, scale = 1): Value {
  const bias = module.has('bias') ? [module.weight('bias')] : [];
  const change = module.change('weight');
  return affine(module, x, { weight: module.weight('weight'), bias, scale, change });
}

interface AffineOperands {
  readonly weight: Value;
  readonly bias: readonly Value[];
  readonly scale: number;
  readonly change?: LowRankChange | null;
}

/** Like {@link linear}, for weights that go by other names. */
export function affine(
  { g }: Module,
  x: Value,
  { weight, bias, scale, change }: AffineOperands,
): Value {
  const out = dimAt(weight.shape, 0);
  const channels = elementCount(weight.shape) / out;
  const rows = elementCount(x.shape) / channels;
  const tokens = g.reshape(x, [rows, channels]);
  // The weight is multiplied as it is stored, and so is its gradient: no transposed copies.
  const operands = [tokens, g.reshape(weight, [out, channels]), ...bias];
  const factors = scale === 1 ? {} : { alpha: scale, beta: scale };
  const y = g.op('Gemm', operands, { ...factors, transB: 1 });
  const changed = change ? addChange(g, { tokens, y, scale }, change) : y;
  return g.reshape(changed, [...x.shape.slice(0, -1), out]);
}

/** y + scale·s·(x·downᵀ)·upᵀ: the sum of the matrices is never made, so W can stay as stored. */
function addChange(
  g: GraphBuilder,
  { tokens, y, scale }: { tokens: Value; y: Value; scale: number },
  change: LowRankChange,
): Value {
  const reduced = g.op('Gemm', [tokens, asMatrix(g, change.down)], { transB: 1 });
  const matrix = asMatrix(g, change.up);
  const up = change.strength ? g.mul(matrix, change.strength) : matrix;
  return g.op('Gemm', [reduced, up, y], { alpha: scale * change.scale, transB: 1 });
}

/** Of a convolution of one pixel the factors have its axes too. */
function asMatrix(g: GraphBuilder, factor: Value): Value {
  const rows = dimAt(factor.shape, 0);
  return g.reshape(factor, [rows, elementCount(factor.shape) / rows]);
}
