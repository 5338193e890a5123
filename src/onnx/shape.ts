import { AppError } from '../errors.ts';
import type { Shape } from '../tensor/shape.ts';

/** The shape two operands broadcast to (ONNX "multidirectional", numpy's rule). */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new AppError(
        'graph.invalid',
        `shapes [${a.join()}] and [${b.join()}] do not broadcast`,
      );
    }
    return x === 1 ? y : x;
  });
}

/** `axis` counted from the front: -1 is the last of `rank`. */
export function normalizeAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The dimension at `axis` (negative counts from the end). */
export function dimAt(shape: Shape, axis: number): number {
  const dim = shape[normalizeAxis(axis, shape.length)];
  if (dim === undefined) {
    throw new AppError('graph.invalid', `shape [${shape.join()}] has no axis ${axis}`);
  }
  return dim;
}
