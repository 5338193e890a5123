import { describe, expect, it } from 'vitest';

import { createNoiseSchedule } from '../../../src/diffusion/noise-schedule.ts';
import { convertPrediction } from '../../../src/diffusion/prediction-type.ts';
import { ddimTimesteps, sampleDdim } from '../../../src/diffusion/samplers/ddim.ts';
import { VariancePreserving } from '../../../src/diffusion/variance-preserving.ts';
import { readGoldenTensors } from '../../helpers/golden-tensors.ts';
import { maxDifference } from '../../helpers/max-difference.ts';

const golden = readGoldenTensors('schedule.safetensors');
const schedule = createNoiseSchedule();
const SIZE = 4 * 16 * 16;
const STEPS = 20;
const recordedEps = golden('ddim.compvis.eps');
const recordedLatents = golden('ddim.compvis.latents');
const epsOfStep = (step: number): Float32Array =>
  Float32Array.from(recordedEps.subarray(step * SIZE, (step + 1) * SIZE));

describe('ddimTimesteps', () => {
  it('counts as CompVis and diffusers do', () => {
    expect(ddimTimesteps(20, 1000)).toEqual(Array.from(golden('ddim.compvis.timesteps')));
    expect(ddimTimesteps(20, 1000)).toEqual(Array.from(golden('ddim.diffusers.timesteps')));
  });

  it('gives one step more where the steps do not divide the schedule, as CompVis does', () => {
    expect(ddimTimesteps(30, 1000)).toHaveLength(31);
  });

  it('stays within the schedule even with a step for each timestep', () => {
    const timesteps = ddimTimesteps(1000, 1000);
    expect(timesteps[0]).toBe(999);
    expect(timesteps.at(-1)).toBe(1);
    expect(ddimTimesteps(1, 1000)).toEqual([1]);
  });
});

describe('sampleDdim', () => {
  it('replays the recorded trajectory of the reference, step by step', async () => {
    const differences: number[] = [];
    const timesteps: number[] = [];
    await sampleDdim({
      noise: Float32Array.from(golden('ddim.xT')),
      steps: STEPS,
      process: new VariancePreserving(schedule, 'epsilon'),
      predict: (_, timestep) => Promise.resolve(epsOfStep(timesteps.push(timestep) - 1)),
      onStep: (step, stepCount, latents) => {
        const expected = recordedLatents.subarray(step * SIZE, (step + 1) * SIZE);
        differences.push(maxDifference(latents, expected));
        expect(stepCount).toBe(STEPS);
      },
    });
    expect(timesteps).toEqual(Array.from(golden('ddim.compvis.timesteps')));
    expect(differences).toHaveLength(STEPS);
    const largest = recordedLatents.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(Math.max(...differences) / largest).toBeLessThan(1e-5);
  });

  it('ends at the same latents when the same predictions come as v', async () => {
    let step = 0;
    const latents = await sampleDdim({
      noise: Float32Array.from(golden('ddim.xT')),
      steps: STEPS,
      process: new VariancePreserving(schedule, 'v_prediction'),
      predict: (x, timestep) => {
        const alphaCumprod = schedule.alphasCumprod[timestep]!;
        const prediction = {
          type: 'epsilon' as const,
          output: epsOfStep(step++),
          latents: x,
          alphaCumprod,
        };
        return Promise.resolve(convertPrediction(prediction, 'v_prediction'));
      },
    });
    const expected = recordedLatents.subarray(STEPS * SIZE);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(maxDifference(latents, expected) / largest).toBeLessThan(1e-5);
  });

  it('leaves the noise as it was and passes on what the model throws', async () => {
    const noise = new Float32Array([1, 2]);
    const predict = () => Promise.reject(new Error('cancelled'));
    const process = new VariancePreserving(schedule, 'epsilon');
    const request = { noise, steps: 2, process, predict };
    await expect(sampleDdim(request)).rejects.toThrow('cancelled');
    expect(Array.from(noise)).toEqual([1, 2]);
  });
});
