import { describe, expect, it } from 'vitest';
import { QuantizationError, quantizeRows } from '../../src/adapters/low-rank/int8.ts';
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

  it('tell how far they are off, over all of them', () => {
    const error = new QuantizationError();
    expect(error.relative).toBe(0);
    error.add(Float32Array.of(3, 0), { values: Int8Array.of(2, 0), scales: Float32Array.of(1) });
    error.add(Float32Array.of(0, 4), {
      values: Int8Array.of(0, 3),
      scales: Float32Array.of(1, 1),
    });
    // √(1² + 1²) / √(3² + 4²)
    expect(error.relative).toBeCloseTo(Math.SQRT2 / 5, 7);
  });
});
