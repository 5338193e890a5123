import { expect, it } from 'vitest';

import { areRuined } from '../../src/training/picture-guard.ts';
import type { PixelImage } from '../../src/images/pixels.ts';
import { createGenerator } from '../../src/tensor/random.ts';

const size = 8;
const picture = (values: (i: number) => number): PixelImage => ({
  data: Float32Array.from({ length: 3 * size * size }, (_, i) => values(i)),
  width: size,
  height: size,
});
/** Pictures of their own, with values of the given spread around 0. */
const pictures = (spread: number, seed = 1): PixelImage[] =>
  [0, 1, 2].map((i) => {
    const noise = createGenerator(seed + i).uniform(3 * size * size);
    return picture((place) => spread * (2 * (noise[place] ?? 0) - 1));
  });

const before = pictures(0.6);

it('other pictures of about the same contrast are not ruined', () => {
  expect(areRuined(before, before)).toBe(false);
  expect(areRuined(before, pictures(0.6, 10))).toBe(false);
  expect(areRuined(before, pictures(0.3, 20))).toBe(false);
});

it('flat, black, equal and glaring pictures are ruined', () => {
  expect(areRuined(before, pictures(0.05))).toBe(true);
  expect(
    areRuined(
      before,
      [0, 1, 2].map(() => picture(() => -1)),
    ),
  ).toBe(true);
  expect(areRuined(before, [before[0]!, before[0]!, before[0]!])).toBe(true);
  const glaring = pictures(0.6).map(({ data }) => picture((i) => Math.sign(data[i]!)));
  expect(areRuined(before, glaring)).toBe(true);
});

it('a single picture is judged by itself, and nothing is said without the original', () => {
  const [one] = before;
  expect(areRuined([one!], [one!])).toBe(false);
  expect(areRuined([one!], [picture(() => 0.2)])).toBe(true);
  expect(areRuined([], [picture(() => 0.2)])).toBe(false);
});
