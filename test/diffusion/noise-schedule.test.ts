import { describe, expect, it } from 'vitest';

import { alphaCumprodAt, createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';

const golden = readGoldenTensors('schedule.safetensors');

describe('createNoiseSchedule', () => {
  it('makes the schedule of Stable Diffusion in float64', () => {
    const { betas, alphasCumprod } = createNoiseSchedule();
    expect(maxDifference(alphasCumprod, golden('alphas_cumprod_f64'))).toBeLessThan(1e-14);
    expect(maxDifference(betas.map(Math.fround), golden('betas'))).toBeLessThan(1e-9);
  });
});

describe('alphaCumprodAt', () => {
  it.each([-1, 1000, 0.5])('refuses timestep %d', (timestep) => {
    expect(() => alphaCumprodAt(createNoiseSchedule(), timestep)).toThrow(/0 to 999/);
  });
});
