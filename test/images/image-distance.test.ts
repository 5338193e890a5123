import { describe, expect, it } from 'vitest';

import { imageDistance } from '../../src/images/image-distance.ts';

const picture = (...values: number[]) => ({
  data: Float32Array.from({ length: 6 }, (_, i) => values[i % values.length] ?? 0),
  width: 2,
  height: 1,
});

describe('imageDistance', () => {
  it('is 0 between equal pictures and 1 between black and white', () => {
    expect(imageDistance(picture(0.25), picture(0.25))).toBe(0);
    expect(imageDistance(picture(-1), picture(1))).toBe(1);
    expect(imageDistance(picture(0), picture(0, 1))).toBe(0.25);
  });

  it('counts values as they are shown: clamped, NaN black', () => {
    expect(imageDistance(picture(-5), picture(7))).toBe(1);
    expect(imageDistance(picture(Number.NaN), picture(-1))).toBe(0);
  });

  it('refuses pictures of different sizes', () => {
    const large = { data: new Float32Array(12), width: 4, height: 1 };
    expect(() => imageDistance(picture(0), large)).toThrow(RangeError);
  });
});
