import { expect, it } from 'vitest';

import { canWork, inOrder, laneOf, type Needs } from '../../../src/jobs/redis/lanes.ts';

const needs: Needs = { device: 'auto', family: 'stable-diffusion', memoryBytes: 4.7e9 };

it('jobs wait apart by device, family and memory, and workers take what they have the memory for', () => {
  const lane = laneOf(needs);
  expect(lane).toBe(laneOf({ ...needs, memoryBytes: 5.9e9 }));
  const others = [{ memoryBytes: 6.1e9 }, { family: 'ddpm' }, { device: 'cpu' as const }];
  const lanes = [lane, ...others.map((other) => laneOf({ ...needs, ...other }))];
  expect(new Set(lanes).size).toBe(4);
  const worksOn = (device: 'cpu' | 'webgpu', memoryBytes: number | null) =>
    lanes.map((one) => canWork(one, { device, memoryBytes }));
  expect(worksOn('cpu', 7e9)).toEqual([true, false, true, true]);
  expect(worksOn('webgpu', 8e9)).toEqual([true, true, true, false]);
  expect(worksOn('webgpu', null)).toEqual([true, true, true, false]);
  expect(worksOn('cpu', 4e9)).toEqual([false, false, false, false]);
  expect(inOrder(lanes)[0]).toBe(lanes[1]);
  expect(laneOf({ ...needs, memoryBytes: 200.5e9 })).toMatch(/_201$/);
});

it('a worker of another version takes nothing', () => {
  const lane = laneOf(needs).replace(/^[^_]+/, '99.0.0');
  expect(canWork(lane, { device: 'cpu', memoryBytes: null })).toBe(false);
});
