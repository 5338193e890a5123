import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import type { Shape } from '../../tensor/shape.ts';
import type { Module } from '../module.ts';
import { conv2d, samePads } from './conv2d.ts';

/**
 * x [N, C, H, W] with every pixel doubled in both directions, then the convolution `conv`.
 *
 * @param meets what the result is joined with: where halving has rounded up an odd side of it, the last
 *   row or column is left out (nearest neighbours of PyTorch's `interpolate` to that size, the same)
 * @returns [N, C, 2H, 2W], or of the height and width of `meets`
 */
export function upsample(module: Module, x: Value, meets?: Shape): Value {
  const { g } = module;
  const sizes = x.shape.map((dim, axis) => (axis < 2 ? dim : 2 * dim));
  // The enlarged image is four times its source, so it is made again rather than kept.
  return g.recomputed('upsample', () => {
    let enlarged = g.op('Resize', [x, null, null, g.indices(...sizes)], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
    for (const axis of [2, 3]) {
      const side = meets && dimAt(meets, axis);
      if (side !== undefined && side < dimAt(enlarged.shape, axis)) {
        enlarged = g.slice(enlarged, axis, 0, side);
      }
    }
    return module.within('conv', (conv) => conv2d(conv, enlarged, { pads: samePads }));
  });
}
