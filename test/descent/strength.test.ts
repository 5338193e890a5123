import { expect, it } from 'vitest';
import { asItIs } from '../../src/adapters/full-weights.ts';
import type { Adaptation } from '../../src/adapters/adapter.ts';
import { drawnStrength, partOfTheWay } from '../../src/descent/strength.ts';
import type { Checkpoint } from '../../src/families/checkpoint.ts';

const checkpoint = { file: { tensors: new Map() } } as unknown as Checkpoint;
const whole = asItIs(checkpoint);
const lowRank: Adaptation = { ...whole, strength: 'strength' };

const draw = (adaptation: Adaptation, seed: number) =>
  Array.from({ length: 400 }, (_, place) =>
    drawnStrength(adaptation, { seed, role: 'forget', place }),
  );

it('half of the batches train the whole change, the others anything from a tenth to half as much again', () => {
  const drawn = draw(lowRank, 3).map((strength) => strength!);
  expect(draw(lowRank, 3)).toEqual(drawn);
  expect(draw(lowRank, 4)).not.toEqual(drawn);
  const others = drawn.filter((strength) => strength !== 1);
  expect(Math.abs(others.length - 200)).toBeLessThan(50);
  expect(Math.min(...others)).toBeGreaterThanOrEqual(0.1);
  expect(Math.min(...others)).toBeLessThan(0.2);
  expect(Math.max(...others)).toBeLessThan(1.5);
  expect(Math.max(...others)).toBeGreaterThan(1.4);
});

it('weights that are trained themselves have no strength', () => {
  expect(new Set(draw(whole, 3))).toEqual(new Set([undefined]));
});

it('half of the strength is steered half of the way from the original', () => {
  const [original, target] = [Float32Array.of(1, -2), Float32Array.of(3, 0)];
  expect(partOfTheWay(original, target, 0.5)).toEqual(Float32Array.of(2, -1));
  expect(partOfTheWay(original, target, 0)).toEqual(original);
  expect(partOfTheWay(original, target, 1)).toBe(target);
});
