import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';
import { isSameShape, type Shape } from '../tensor/shape.ts';

/** Sums a cotangent over the axes along which an operand of `shape` was broadcast. */
export function unbroadcast(g: GraphBuilder, ct: Value, shape: Shape): Value {
  if (isSameShape(ct.shape, shape)) return ct;
  const added = ct.shape.length - shape.length;
  const axes = ct.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < added || (shape[axis - added] === 1 && ct.shape[axis] !== 1));
  const keepsAxes = axes.some((axis) => axis >= added);
  const summed = axes.length === 0 ? ct : g.reduceSum(ct, axes, keepsAxes);
  return g.reshape(summed, shape);
}
