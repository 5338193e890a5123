import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';

export interface Conv2dSettings {
  readonly stride?: number;
  /** Rows and columns of zeros: top, left, bottom, right. */
  readonly pads?: readonly [number, number, number, number];
}

/** Zeros around an image that keep its size under a 3×3 kernel. */
export const samePads = [1, 1, 1, 1] as const;

/**
 * The convolution of x [N, C, H, W] with the module's `weight` [O, C, k, k], plus `bias` [O].
 *
 * @returns [N, O, H′, W′]
 */
export function conv2d(module: Module, x: Value, settings: Conv2dSettings = {}): Value {
  const { stride = 1, pads = [0, 0, 0, 0] } = settings;
  return module.g.op('Conv', [x, module.weight('weight'), module.weight('bias')], {
    strides: [stride, stride],
    pads,
  });
}
