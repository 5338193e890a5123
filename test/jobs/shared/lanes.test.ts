import { expect, it } from 'vitest';

import {
  canWork,
  inOrder,
  laneOf,
  nameOfModel,
  type Needs,
} from '../../../src/jobs/redis/lanes.ts';

const needs: Needs = {
  ...{ device: 'auto', family: 'stable-diffusion', memoryBytes: 4.7e9 },
  model: 'abcdef012345',
};

it('jobs wait apart by device, family, memory and model, and workers take what they have the memory for', () => {
  const lane = laneOf(needs);
  expect(lane).toBe(laneOf({ ...needs, memoryBytes: 5.9e9 }));
  const others = [{ memoryBytes: 6.1e9 }, { family: 'ddpm' }, { device: 'cpu' as const }];
  const lanes = [lane, ...others.map((other) => laneOf({ ...needs, ...other }))];
  expect(new Set([...lanes, laneOf({ ...needs, model: 'other' })]).size).toBe(5);
  const worksOn = (device: 'cpu' | 'webgpu', memoryBytes: number | null) =>
    lanes.map((one) => canWork(one, { device, memoryBytes }));
  expect(worksOn('cpu', 7e9)).toEqual([true, false, true, true]);
  expect(worksOn('webgpu', 8e9)).toEqual([true, true, true, false]);
  expect(worksOn('webgpu', null)).toEqual([true, true, true, false]);
  expect(worksOn('cpu', 4e9)).toEqual([false, false, false, false]);
  expect(laneOf({ ...needs, memoryBytes: 200.5e9 })).toMatch(/_201_/);
});

it('workers look first where one has waited for long, then for a model that they have, then for much memory', () => {
  const minutes = 60_000;
  const now = 100 * minutes;
  const large = { lane: laneOf({ ...needs, memoryBytes: 20e9 }), since: now - minutes };
  const small = { lane: laneOf(needs), since: now - 2 * minutes };
  const other = { lane: laneOf({ ...needs, model: '543210fedcba' }), since: now - 9 * minutes };
  const late = { lane: laneOf({ ...needs, model: 'late' }), since: now - 12 * minutes };
  const later = { lane: laneOf({ ...needs, model: 'later' }), since: now - 11 * minutes };
  const idle = { lane: laneOf({ ...needs, model: 'idle' }), since: null };
  const all = [small, other, idle, later, large, late];
  const order = (has: string) =>
    inOrder(all, { has: (model) => model === has, now }).map((one) => all.indexOf(one));
  const [s, o, i, r, g, t] = [0, 1, 2, 3, 4, 5];
  expect(order('')).toEqual([t, r, g, o, s, i]);
  expect(order('543210fedcba')).toEqual([t, r, o, g, s, i]);
  expect(order('abcdef012345')).toEqual([t, r, g, s, o, i]);
});

it('a model is told by its weights, wherever it lies', () => {
  const weights = { sha256: 'f'.repeat(64), bytes: 2e9 };
  const config = { sha256: '0'.repeat(64), bytes: 100 };
  const inputs = [
    { path: '/a/model', files: { 'model/config.json': config, 'model/weights': weights } },
    { path: '/a/vae', files: { vae: { sha256: '1'.repeat(64), bytes: 3e9 } } },
  ];
  expect(nameOfModel(inputs)).toBe('ffffffffffff');
});

it('a worker of another version takes nothing', () => {
  const lane = laneOf(needs).replace(/^[^_]+/, '99.0.0');
  expect(canWork(lane, { device: 'cpu', memoryBytes: null })).toBe(false);
});
