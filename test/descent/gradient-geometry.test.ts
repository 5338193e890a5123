import { expect, it } from 'vitest';

import { directionCosines } from '../../src/descent/gradient-geometry.ts';

const geometryOf = (r: readonly number[], f: readonly number[]) => {
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  return { retainSquare: dot(r, r), forgetSquare: dot(f, f), product: dot(r, f), gap: null };
};

it('measures the direction that is followed against both gradients', () => {
  // δ = (3, 0) + 2·(−1, 2) = (1, 4)
  const { retainCosine, forgetCosine } = directionCosines(geometryOf([3, 0], [-1, 2]), 2);
  expect(retainCosine).toBeCloseTo(1 / Math.sqrt(17), 12);
  expect(forgetCosine).toBeCloseTo(7 / Math.sqrt(17 * 5), 12);
});

it('has no cosine with a gradient of nothing, nor of a direction of nothing', () => {
  expect(directionCosines(geometryOf([0, 0], [1, 0]), 0.5)).toEqual({
    ...{ retainCosine: null, forgetCosine: 1 },
  });
  expect(directionCosines(geometryOf([1, 0], [-1, 0]), 1)).toEqual({
    ...{ retainCosine: null, forgetCosine: null },
  });
});
