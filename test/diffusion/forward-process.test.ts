import { describe, expect, it } from 'vitest';

import { qSample } from '../../src/diffusion/forward-process.ts';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';

const golden = readGoldenTensors('schedule.safetensors');
const schedule = createNoiseSchedule();
const batch = {
  x0: Float32Array.from(golden('q.x0')),
  noise: Float32Array.from(golden('q.noise')),
  timesteps: Array.from(golden('q.t')),
};

describe('the forward process', () => {
  it('noises each sample to its own timestep as the reference does', () => {
    expect(maxDifference(qSample(schedule, batch), golden('q.noisy'))).toBeLessThan(1e-6);
  });

  it('gives the reference’s target for v-prediction', () => {
    expect(
      maxDifference(
        new VariancePreserving(schedule, 'v_prediction').target(batch),
        golden('q.v_target'),
      ),
    ).toBeLessThan(1e-6);
  });

  it('refuses latents that are no whole number of samples, or another count of noise', () => {
    expect(() => qSample(schedule, { ...batch, timesteps: [1, 2, 3, 4, 5] })).toThrow(RangeError);
    expect(() => qSample(schedule, { ...batch, noise: new Float32Array(6) })).toThrow(RangeError);
  });
});
