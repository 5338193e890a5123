import { maxDifference } from './max-difference.ts';

/** The largest |element|. */
export function maxAbs(values: Float32Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

/**
 * The largest difference as a fraction of the largest expected element.
 *
 * @param floor taken instead of a smaller largest element: where the true values are all 0, both
 *   sides hold rounding errors alone
 */
export function relativeError(actual: Float32Array, expected: Float32Array, floor = 0): number {
  return maxDifference(actual, expected) / Math.max(maxAbs(expected), floor);
}
