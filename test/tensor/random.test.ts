import { describe, expect, it } from 'vitest';

import { createGenerator, seedFor } from '../../src/tensor/random.ts';
import { readGoldenJson } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';

interface Ends {
  head: number[];
  tail: number[];
}
interface Draw {
  seed: number;
  count: number;
  randn: Ends;
  again: number[];
  rand: Ends;
  randint: Ends;
}

const { draws } = readGoldenJson('diffusion.json') as { draws: Draw[] };
const differenceOf = (values: ArrayLike<number>, { head, tail }: Ends): number => {
  const array = Array.from(values);
  return Math.max(
    maxDifference(array.slice(0, head.length), head),
    maxDifference(array.slice(-tail.length), tail),
  );
};

describe('createGenerator', () => {
  it.each(draws)('draws what PyTorch draws: seed $seed, $count numbers', (draw) => {
    const generator = createGenerator(draw.seed);
    expect(differenceOf(generator.randn(draw.count), draw.randn)).toBeLessThan(1e-6);
    expect(maxDifference(generator.randn(3), draw.again)).toBeLessThan(1e-6);
    expect(differenceOf(createGenerator(draw.seed).uniform(draw.count), draw.rand)).toBe(0);
    const integers = createGenerator(draw.seed).randomIntegers(draw.count, 0, 1000);
    expect(differenceOf(integers, draw.randint)).toBe(0);
  });

  it('draws whole numbers from low on, never high', () => {
    const values = createGenerator(0).randomIntegers(200, -2, 1);
    expect([...new Set(values)].sort((a, b) => a - b)).toEqual([-2, -1, 0]);
  });

  it.each([
    [3, 3],
    [0, 2 ** 29],
    [0, NaN],
  ])('refuses to draw whole numbers from %d up to %d', (low, high) => {
    expect(() => createGenerator(0).randomIntegers(1, low, high)).toThrow(RangeError);
  });
});

describe('seedFor', () => {
  it('gives the same seed for the same labels, and another for any other', () => {
    const seeds = [
      seedFor(1, 'noise', 3),
      seedFor(2, 'noise', 3),
      seedFor(1, 'noise', 4),
      seedFor(1, 'timestep', 3),
      seedFor(1, 'noise', '3'),
      seedFor(1, 'noise3'),
    ];
    expect(seedFor(1, 'noise', 3)).toBe(seeds[0]);
    expect(new Set(seeds).size).toBe(seeds.length);
  });

  it('never changes: a run that was begun by an older version must resume alike', () => {
    expect(seedFor(42, 'noise', 7)).toBe(175769223);
  });
});
