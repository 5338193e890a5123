import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { conv2d, samePads } from './conv2d.ts';

/**
 * x [N, C, H, W] with every pixel doubled in both directions, then the convolution `conv`.
 *
 * @returns [N, C, 2H, 2W]
 */
export function upsample(module: Module, x: Value): Value {
  const { g } = module;
  const sizes = x.shape.map((dim, axis) => (axis < 2 ? dim : 2 * dim));
  // The enlarged image is four times its source, so it is made again rather than kept.
  return g.recomputed('upsample', () => {
    const enlarged = g.op('Resize', [x, null, null, g.indices(...sizes)], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
    return module.within('conv', (conv) => conv2d(conv, enlarged, { pads: samePads }));
  });
}
