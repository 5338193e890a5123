import { describe, expect, it } from 'vitest';

import {
  bucketOf,
  bucketsFor,
  chooseBuckets,
  frameIn,
  lossIn,
  MOST_SHAPES,
} from '../../src/images/buckets.ts';
import type { PictureSize } from '../../src/images/picture-size.ts';

const size = (width: number, height = width): PictureSize => ({ width, height });

describe('the shapes of a model', () => {
  it.each([64, 256, 512, 768, 1024])('of %i pixels are in steps, and none is larger', (side) => {
    const buckets = bucketsFor(size(side));
    const step = Math.min(64, side / 8);
    for (const { width, height } of buckets) {
      expect(width * height).toBeLessThanOrEqual(side ** 2);
      expect(width * height).toBeGreaterThan(0.7 * side ** 2);
      expect([width % step, height % step]).toEqual([0, 0]);
      expect(buckets).toContainEqual(size(height, width));
    }
    expect(new Set(buckets.map(({ width, height }) => width / height)).size).toBe(buckets.length);
  });

  it('include what is drawn, of whatever sides', () => {
    expect(bucketsFor(size(520, 760))[0]).toEqual(size(520, 760));
  });
});

it.each([
  // SDXL's own shapes for these.
  [1024, size(3000, 2000), size(1216, 832)],
  [1024, size(2000, 3000), size(832, 1216)],
  [1024, size(1920, 1080), size(1344, 768)],
  [1024, size(1080, 1350), size(896, 1152)],
  [1024, size(700, 701), size(1024)],
  [512, size(4000, 3000), size(576, 448)],
  [512, size(1920, 1080), size(640, 384)],
  [512, size(3000, 1000), size(832, 256)],
  [64, size(128, 64), size(88, 40)],
  [64, size(9, 8), size(64)],
  // Beyond all shapes: the longest there is.
  [512, size(8000, 100), size(1024, 256)],
])('a model of %i pixels takes %o in %o', (side, picture, expected) => {
  expect(bucketOf(picture, bucketsFor(size(side)))).toEqual(expected);
});

describe('the shapes of a run', () => {
  const all = bucketsFor(size(512));
  const choose = (...sets: PictureSize[][]) => chooseBuckets(sets, all);
  const shapes = [0.25, 0.4, 0.55, 0.75, 1, 1.35, 1.8, 2.5, 4].map((ratio) =>
    size(Math.round(1000 * ratio), 1000),
  );

  it('are those of its pictures', () => {
    expect(choose([size(600)])).toEqual([size(512)]);
    expect(choose([size(600)], [size(3000, 2000)])).toEqual([size(512), size(640, 384)]);
  });

  it('are few, and those that are missed most', () => {
    const many = [...shapes, ...Array.from({ length: 20 }, () => size(4000, 1000))];
    const chosen = choose(many);
    expect(chosen).toHaveLength(MOST_SHAPES);
    expect(chosen).toContainEqual(size(1024, 256));
    // Each of the others has a shape that keeps most of it.
    for (const shape of shapes) expect(lossIn(bucketOf(shape, chosen), shape)).toBeLessThan(0.5);
  });

  it('are one where pictures lose next to nothing by it', () => {
    // 704×320 and 768×320 lie 8 % apart.
    const similar = [size(2200, 1000), size(2400, 1000), size(2400, 1000)];
    expect(choose(similar)).toEqual([size(768, 320)]);
  });

  it('count both sets the same, however many pictures they have', () => {
    const kept = Array.from({ length: 200 }, (_, i) => shapes[i % 4]!);
    expect(choose([size(2500, 1000)], kept)).toContainEqual(size(768, 320));
  });
});

it.each([
  [size(300, 200), size(64), { top: 0, left: 16 }],
  [size(200, 300), size(64), { top: 16, left: 0 }],
  [size(1000, 1000), size(64, 128), { top: 0, left: 32 }],
  [size(640, 384), size(640, 384), { top: 0, left: 0 }],
])('%o is cut to %o from its middle', (original, bucket, cut) => {
  expect(frameIn(bucket, original)).toEqual({ original, ...cut });
});
