import { expect, it } from 'vitest';

import { type Fleet, simulate } from '../bench/scale/fleet.ts';
import { readMeasured } from '../bench/scale/measured.ts';

const measured = readMeasured();

/** Jobs of 100 s that need next to nothing of the store. */
const fleet: Fleet = {
  ...{ workers: 10, servers: 1, hours: 100, load: 0.5, steps: 100, secondsPerStep: 1 },
  ...{ models: 1, modelBytes: 1, resultBytes: 1, stateBytes: 1, saveSeconds: 30 },
  ...{ storeRate: 1e9, linkRate: 1e9, hoursToDeath: 1e9, takeoverSeconds: 16 },
  ...{ rebootSeconds: 300, seed: 3 },
};

it('a simulated fleet does what comes, and no more than its workers can', () => {
  const easy = simulate(fleet, measured);
  expect(easy.used).toBeCloseTo(0.5, 1);
  // Of ten servers with jobs of one length at half their load: Erlang's C has 1 s, halved for fixed lengths.
  expect(easy.meanWaitSeconds).toBeLessThan(2);
  expect(easy).toMatchObject({ deaths: 0, repeated: 0 });
  const full = simulate({ ...fleet, load: 2 }, measured);
  expect(full.used).toBeGreaterThan(0.98);
  expect(full.used).toBeLessThanOrEqual(1);
  // Redis takes a beat a second of each worker, and the steps; a little more for all jobs there are.
  const { beat, step, follow } = measured.microseconds;
  expect(full.redisUsed).toBeGreaterThan((10 * (beat + step + follow)) / 1e6);
  expect(full.redisUsed).toBeLessThan((30 * (beat + step + follow)) / 1e6);
});

it('is held up by its store, which moves what it can', () => {
  // Each job takes 100 s to train and 200 s of the store, for the result there and back.
  const slow = simulate({ ...fleet, resultBytes: 1e9, storeRate: 1e7 }, measured);
  expect(slow.storeUsed).toBeGreaterThan(0.98);
  expect(slow.jobsPerHour).toBeLessThan(3600 / 200 + 1);
  expect(slow.jobsPerHour).toBeGreaterThan(3600 / 200 - 2);
});

it('goes on after deaths from what was stored', () => {
  const deadly = { ...fleet, steps: 1000, hoursToDeath: 1 };
  const often = simulate(deadly, measured);
  const seldom = simulate({ ...deadly, saveSeconds: 1e9 }, measured);
  expect(often.deaths).toBeGreaterThan(100);
  // Half of what passes between two states, for each death.
  expect(often.repeated).toBeLessThan(0.01);
  expect(seldom.repeated).toBeGreaterThan(5 * often.repeated);
});
