import { describe, expect, it } from 'vitest';

import type { TargetedBatch, TrainableModel } from '../../src/descent/trainable-model.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatTensor } from '../../src/runtime/tensor.ts';
import type { BatchSource } from '../../src/training/batch-source.ts';
import { initialGuardState, riseOf } from '../../src/training/collapse-guard.ts';
import { HealthCheck } from '../../src/training/health-check.ts';
import { readHealthy } from '../../src/training/run-state.ts';
import { initialEndState, weigh } from '../../src/training/when-gone.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const seen = (shown: number, pictures = 16) => ({ shown, pictures, isWhole: pictures === 16 });

describe('what is found of forgotten and kept', () => {
  const best = { thresholds: [0.1], gone: [], best: { step: 12, score: 0.25 } };

  it('is the best where fewer pictures show it', () => {
    expect(weigh(best, { step: 18, sightings: [seen(1, 8)], rise: 0.05 })).toEqual({
      state: { thresholds: [0.1], gone: [], best: { step: 18, score: 1 / 8 + 0.05 } },
      ...{ isBest: true, isOver: false },
    });
  });

  it('is not the best where what is kept has lost more than was forgotten', () => {
    const { isBest, state } = weigh(best, { step: 18, sightings: [seen(1, 8)], rise: 0.2 });
    expect([isBest, state]).toEqual([false, best]);
  });

  it('ends it once the concept is gone and little was gained since', () => {
    const gone = { thresholds: [0.1], gone: [], best: { step: 24, score: 0.03 } };
    const at = (rise: number, shown = 0) =>
      weigh(gone, { step: 30, sightings: [seen(shown)], rise });
    expect(at(0.01)).toMatchObject({ isBest: true, isOver: false });
    expect(at(0.025)).toMatchObject({ isBest: true, isOver: true });
    expect(at(0.05)).toMatchObject({ isBest: false, isOver: true });
    // One of sixteen may be a judge's error, two are not.
    expect(at(0.05, 1).isOver).toBe(true);
    expect(at(0.05, 2).isOver).toBe(false);
    // Where a check has but four, each counts.
    const few = (shown: number) => ({ shown, pictures: 4, isWhole: true });
    expect(weigh(gone, { step: 30, sightings: [few(0)], rise: 0.05 }).isOver).toBe(true);
    expect(weigh(gone, { step: 30, sightings: [few(1)], rise: 0.05 }).isOver).toBe(false);
    // Of four of sixteen pictures nobody knows.
    expect(weigh(gone, { step: 30, sightings: [seen(0, 4)], rise: 0.05 }).isOver).toBe(false);
  });

  it('does not take a loss below the original’s for a gain', () => {
    const { state } = weigh(initialEndState, { step: 6, sightings: [seen(0)], rise: -0.3 });
    expect(state.best).toEqual({ step: 6, score: 0 });
  });

  it('measures a loss from the original’s to that of zeros', () => {
    const guard = { ...initialGuardState, baseline: 0.2 };
    expect(riseOf(guard, 0.4)).toBeCloseTo(0.25, 6);
    expect(riseOf({ ...guard, baseline: 1.08 }, 1.2)).toBe(0);
  });
});

/** A run whose checks find what is listed, one after the other. */
function runOf(losses: number[], sightings: ReturnType<typeof seen>[]) {
  const stateFolder = makeTemporaryFolder();
  const batches = {
    hold: () => undefined,
    retainBatch: (): TargetedBatch => ({ target: new Float32Array() }) as TargetedBatch,
  } as unknown as BatchSource;
  let loss = 0;
  const model = {
    loss: () => Promise.resolve(loss),
    target: () => floatTensor(new Float32Array(), [0]),
  } as unknown as TrainableModel;
  const found: number[] = [];
  const forgetting = {
    thresholds: () => Promise.resolve([0.1]),
    look: () => Promise.resolve([sightings.shift()!]),
  };
  const health = new HealthCheck(
    {
      ...{ model, batches, stateFolder, steps: 60, forgetting },
      onFinding: ({ step }) => found.push(step),
    },
    { guard: initialGuardState, end: initialEndState },
  );
  const check = (step: number) => {
    loss = losses.shift()!;
    const parameters = new TensorSet();
    parameters.put('p', floatTensor(Float32Array.of(step), [1]));
    return health.check(parameters, step);
  };
  return { health, check, found, stateFolder };
}

describe('the checks of a run that ends when it is gone', () => {
  it('look at nothing before the first step, keep the best state and end', async () => {
    const { check, found, stateFolder, health } = runOf(
      [0.1, 0.13, 0.12, 0.14, 0.14],
      [seen(3, 4), seen(0), seen(1, 8), seen(0)],
    );
    const verdicts = [];
    for (const step of [0, 6, 12, 18, 24]) verdicts.push(await check(step));
    expect(verdicts).toEqual(['healthy', 'healthy', 'healthy', 'healthy', 'gone']);
    expect(found).toEqual([6, 12, 18, 24]);
    expect(health.state.end).toMatchObject({ thresholds: [0.1], gone: [0], best: { step: 12 } });
    expect((await readHealthy(stateFolder))?.step).toBe(12);
  });

  it('do not look at a model that is in bad health', async () => {
    const { check, found, stateFolder } = runOf([0.1, 0.12, 0.9], [seen(2, 4)]);
    expect([await check(0), await check(6), await check(12)]).toEqual([
      ...['healthy', 'healthy', 'suspicious'],
    ]);
    expect(found).toEqual([6]);
    expect((await readHealthy(stateFolder))?.step).toBe(6);
  });
});
