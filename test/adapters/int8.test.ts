import { describe, expect, it } from 'vitest';
import { quantizeRows } from '../../src/adapters/low-rank/int8.ts';
import { createGenerator } from '../../src/tensor/random.ts';

describe('weights in 8 bits', () => {
  it('have a scale for each row, the largest number at its end', () => {
    const { values, scales } = quantizeRows(
      Float32Array.of(1, -2.54, 0.02, 0, 0, 0, 5, 0, -127),
      3,
    );
    expect([...values]).toEqual([50, -127, 1, 0, 0, 0, 5, 0, -127]);
    expect([...scales]).toEqual([2.54 / 127, 0, 1].map(Math.fround));
  });

  it('are at most half a step off', () => {
    const weights = createGenerator(5).randn(7 * 300);
    const { values, scales } = quantizeRows(weights, 7);
    weights.forEach((weight, i) => {
      const scale = scales[Math.floor(i / 300)]!;
      expect(Math.abs(weight - values[i]! * scale)).toBeLessThanOrEqual(scale * 0.50001);
    });
  });

  it('tell how far they are off', () => {
    const weights = createGenerator(6).randn(3 * 50);
    const { values, scales, square, errorSquare } = quantizeRows(weights, 3);
    const sums = [0, 0];
    weights.forEach((weight, i) => {
      sums[0]! += weight ** 2;
      sums[1]! += (weight - values[i]! * scales[Math.floor(i / 50)]!) ** 2;
    });
    expect(square).toBeCloseTo(sums[0]!, 6);
    expect(errorSquare).toBeCloseTo(sums[1]!, 6);
    expect(errorSquare).toBeGreaterThan(0);
  });
});
