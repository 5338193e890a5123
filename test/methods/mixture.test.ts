import { describe, expect, it } from 'vitest';

import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import {
  holdToOriginal,
  importanceWeights,
  type MixedRow,
  mixRows,
} from '../../src/methods/siss/mixture.ts';
import { createGenerator } from '../../src/tensor/random.ts';

const schedule = createNoiseSchedule();
const size = 16;

describe('importanceWeights', () => {
  it('weigh both densities by that of the mixture', () => {
    // Of q(m|x) = e^-1 and q(m|a) = e^-2, and of one that is far more likely than the other.
    for (const [retainDistance, forgetDistance] of [
      [1, 2],
      [3, 3],
      [0, 40],
      [900, 0],
    ] as const) {
      for (const mixture of [0.1, 0.5, 0.9]) {
        const weights = importanceWeights({ retainDistance, forgetDistance }, mixture);
        expect((1 - mixture) * weights.retain + mixture * weights.forget).toBeCloseTo(1, 12);
      }
    }
    const { retain, forget } = importanceWeights({ retainDistance: 1, forgetDistance: 2 }, 0.5);
    expect(retain / forget).toBeCloseTo(Math.E, 12);
  });

  it('are those of one density alone where the mixture has no other', () => {
    const distances = { retainDistance: 1, forgetDistance: 3 };
    expect(importanceWeights(distances, 0)).toEqual({ retain: 1, forget: Math.exp(-2) });
    expect(importanceWeights(distances, 1)).toEqual({ retain: 1 / Math.exp(-2), forget: 1 });
    const apart = { retainDistance: 0, forgetDistance: 5000 };
    expect(importanceWeights(apart, 0)).toEqual({ retain: 1, forget: 0 });
    const other = { retainDistance: 5000, forgetDistance: 0 };
    expect(importanceWeights(other, 1)).toEqual({ retain: 0, forget: 1 });
  });

  it('leave out what a noisy latent cannot come from', () => {
    const ofForget = { retainDistance: Infinity, forgetDistance: 7 };
    expect(importanceWeights(ofForget, 0.25)).toEqual({ retain: 0, forget: 4 });
    const ofRetain = { retainDistance: 7, forgetDistance: Infinity };
    expect(importanceWeights(ofRetain, 0.25)).toEqual({ retain: 1 / 0.75, forget: 0 });
  });
});

describe('mixRows', () => {
  const generator = createGenerator(3);
  const noise = generator.randn(2 * size);
  const retain = generator.randn(size);
  // So near that at the last timestep the two can hardly be told apart.
  const forget = retain.map((x, i) => x + (i % 2 ? 0.5 : -0.5));
  const rows = (changes: Partial<MixedRow> = {}): MixedRow[] =>
    [false, true].map((isForget) => ({
      ...{ retain, forget, isForget, isSameCaption: true, timestep: 999 },
      ...changes,
    }));
  const settings = { process: new VariancePreserving(schedule, 'epsilon'), mixture: 0.5 };

  it('gives both pictures their noise: that of the noised one is what was added', () => {
    const batch = mixRows(rows(), noise, settings);
    const [first, second] = [0, size];
    for (let i = 0; i < size; i++) {
      expect(batch.retain.target[first + i]).toBeCloseTo(noise[first + i]!, 5);
      expect(batch.forget.target[second + i]).toBeCloseTo(noise[second + i]!, 5);
      expect(batch.forget.target[first + i]).not.toBeCloseTo(noise[first + i]!, 3);
    }
  });

  it('counts a noisy latent for both pictures where it may come from either', () => {
    const { retain: kept, forget: forgotten } = mixRows(rows(), noise, settings);
    for (const weights of [kept.weights, forgotten.weights]) {
      for (const weight of weights) expect(weight).toBeGreaterThan(0.5);
      for (const weight of weights) expect(weight).toBeLessThan(1.5);
    }
    // With little noise there is no doubt.
    const early = mixRows(rows({ timestep: 10 }), noise, settings);
    expect(early.retain.weights.map((weight) => Math.round(weight))).toEqual([2, 0]);
    expect(early.forget.weights.map((weight) => Math.round(weight))).toEqual([0, 2]);
  });

  it('tells pictures of different captions apart at any noise', () => {
    const batch = mixRows(rows({ isSameCaption: false }), noise, settings);
    expect(batch.retain.weights).toEqual([2, 0]);
    expect(batch.forget.weights).toEqual([0, 2]);
  });

  it('holds to the original what is kept, but for captions that are forgotten', () => {
    const batch = { ...mixRows(rows(), noise, settings), prompts: [] };
    const prediction = new Float32Array(2 * size).fill(7);
    const { retain: held, forget: same } = holdToOriginal(batch, prediction, [false, true]);
    expect(held.target.subarray(0, size)).toEqual(prediction.subarray(0, size));
    expect(held.target.subarray(size)).toEqual(batch.retain.target.subarray(size));
    expect(held.weights).toEqual(batch.retain.weights);
    expect(same).toEqual(batch.forget);
  });

  it('gives v as the target of a model that predicts v', () => {
    const { retain: ofNoise } = mixRows(rows(), noise, settings);
    const { retain: ofV } = mixRows(rows(), noise, {
      ...settings,
      process: new VariancePreserving(schedule, 'v_prediction'),
    });
    const alpha = schedule.alphasCumprod[999]!;
    for (let i = 0; i < size; i++) {
      const v = Math.sqrt(alpha) * ofNoise.target[i]! - Math.sqrt(1 - alpha) * retain[i]!;
      expect(ofV.target[i]).toBeCloseTo(v, 5);
    }
  });
});
