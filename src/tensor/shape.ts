/** Sizes of a tensor's dimensions, outermost first (row-major). `[]` is a scalar. */
export type Shape = readonly number[];

/**
 * Number of elements of a tensor of the given shape: the product of its dimensions, 1 for a scalar.
 * Exact for every shape whose product is a safe integer; beyond that it is not a safe integer either.
 */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Whether both shapes have the same dimensions in the same order. */
export function isSameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
