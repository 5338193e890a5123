import { expect, it } from 'vitest';

import { leastOfLargest } from '../../src/descent/saliency.ts';
import { createGenerator } from '../../src/tensor/random.ts';

it.each([0.001, 0.1, 0.5, 0.9, 0.999])('finds the least of the largest %d, exactly', (share) => {
  const generator = createGenerator(7);
  const parts = [3, 1000, 57].map((length) => generator.randn(length).map((x) => x * 1e-6));
  // Ties, and what has no gradient and does not count.
  parts.push(Float32Array.of(0, -0, 1e-6, -1e-6, 1e-6, 0));
  const sorted = parts
    .flatMap((part) => [...part].map(Math.abs))
    .filter((value) => value > 0)
    .sort((a, b) => b - a);
  const expected = sorted[Math.max(1, Math.round(share * sorted.length)) - 1];
  expect(leastOfLargest(parts, share)).toBe(expected);
});
