import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Module } from '../module.ts';

/**
 * scale·(x·Wᵀ + b) with the module's `weight` [out, in] (or [out, in, 1, 1], a convolution of one
 * pixel) and, where there is one, `bias` [out].
 *
 * @param x [..., in]
 * @returns [..., out]
 */
export function linear(module: Module, x: Value, scale = 1): Value {
  const bias = module.has('bias') ? [module.weight('bias')] : [];
  return affine(module, x, { weight: module.weight('weight'), bias, scale });
}

/** Like {@link linear}, for weights that go by other names. */
export function affine(
  { g }: Module,
  x: Value,
  { weight, bias, scale }: { weight: Value; bias: readonly Value[]; scale: number },
): Value {
  const out = dimAt(weight.shape, 0);
  const channels = elementCount(weight.shape) / out;
  const rows = elementCount(x.shape) / channels;
  // The weight is multiplied as it is stored, and so is its gradient: no transposed copies.
  const operands = [g.reshape(x, [rows, channels]), g.reshape(weight, [out, channels]), ...bias];
  const factors = scale === 1 ? {} : { alpha: scale, beta: scale };
  const y = g.op('Gemm', operands, { ...factors, transB: 1 });
  return g.reshape(y, [...x.shape.slice(0, -1), out]);
}
