import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount } from '../../tensor/shape.ts';
import type { Module } from '../module.ts';
import type { LowRankChange } from '../weights.ts';

export interface Conv2dSettings {
  readonly stride?: number;
  /** Rows and columns of zeros: top, left, bottom, right. */
  readonly pads?: readonly [number, number, number, number];
}

/** Zeros around an image that keep its size under a 3×3 kernel. */
export const samePads = [1, 1, 1, 1] as const;

/**
 * The convolution of x [N, C, H, W] with the module's `weight` [O, C, k, k], plus `bias` [O]; a low-rank
 * change of the weight is added.
 *
 * @returns [N, O, H′, W′]
 */
export function conv2d(module: Module, x: Value, settings: Conv2dSettings = {}): Value {
  const { g } = module;
  const { stride = 1, pads = [0, 0, 0, 0] } = settings;
  const attributes = { strides: [stride, stride], pads };
  const weight = module.weight('weight');
  const y = g.op('Conv', [x, weight, module.weight('bias')], attributes);
  const change = module.change('weight');
  if (!change) return y;
  // x·downᵀ is a convolution to r channels, what follows one of a single pixel.
  const { down, up, rank } = asKernels(module, change, weight);
  const reduced = g.op('Conv', [x, g.reshape(down, [rank, ...weight.shape.slice(1)])], attributes);
  return g.add(y, g.op('Conv', [reduced, up]));
}

/** The factors as kernels, `up` times all that the change counts. */
function asKernels(
  { g }: Module,
  { down, up, scale, strength }: LowRankChange,
  weight: Value,
): { readonly down: Value; readonly up: Value; readonly rank: number } {
  const outputs = dimAt(weight.shape, 0);
  const rank = elementCount(up.shape) / outputs;
  const scaled = scale === 1 ? up : g.mul(up, g.scalar(scale, up));
  const counted = strength ? g.mul(scaled, strength) : scaled;
  return { down, up: g.reshape(counted, [outputs, rank, 1, 1]), rank };
}
