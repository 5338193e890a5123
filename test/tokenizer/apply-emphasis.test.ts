import { describe, expect, it } from 'vitest';

import { applyEmphasis } from '../../src/tokenizer/apply-emphasis.ts';

describe('applyEmphasis', () => {
  it('multiplies rows by their weights and keeps the mean', () => {
    const weighted = applyEmphasis(new Float32Array([1, 2, 3, 4]), [1, 2]);
    // Weighted rows 1 2 | 6 8 have the mean 4.25; the mean was 2.5.
    expect(Array.from(weighted, (value) => (value * 4.25) / 2.5)).toEqual(
      [1, 2, 6, 8].map((value) => expect.closeTo(value, 5) as number),
    );
  });

  it('returns the very same array when nothing is emphasised', () => {
    const hiddenStates = new Float32Array([1, 2]);
    expect(applyEmphasis(hiddenStates, [1, 1])).toBe(hiddenStates);
  });

  it('does not divide by a mean of zero', () => {
    expect(Array.from(applyEmphasis(new Float32Array([1, -1]), [2, 2]))).toEqual([2, -2]);
  });

  it('refuses weights that do not fit the rows', () => {
    expect(() => applyEmphasis(new Float32Array(5), [1, 2])).toThrow(RangeError);
  });
});
