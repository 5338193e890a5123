import { describe, expect, it } from 'vitest';

import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { trailingTimesteps } from '../../src/diffusion/samplers/ddim.ts';
import { solveDpmPp2m } from '../../src/diffusion/samplers/dpm-solver-pp-2m.ts';
import { overSigmas } from '../../src/diffusion/samplers/sigma-space.ts';
import { discreteSigmas } from '../../src/diffusion/samplers/sigmas.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { relativeError } from '../helpers/relative-error.ts';

/** What diffusers computes, which make-zero-snr.py describes. */
const golden = readGoldenTensors('zero-snr.safetensors');
const float32 = (name: string) => Float32Array.from(golden(name));
const schedule = createNoiseSchedule({
  linearStart: 0.00085,
  linearEnd: 0.012,
  timesteps: 1000,
  zeroTerminalSnr: true,
});
const process = new VariancePreserving(schedule, 'v_prediction');

describe('the schedule of a model with zero terminal SNR', () => {
  it('is that of diffusers, and ends in pure noise', () => {
    expect(maxDifference(schedule.alphasCumprod, golden('alphas_cumprod'))).toBeLessThan(1e-6);
    expect(schedule.alphasCumprod.at(-1)).toBe(0);
    const usual = createNoiseSchedule();
    expect(schedule.alphasCumprod[0]).toBeCloseTo(usual.alphasCumprod[0]!, 12);
    expect(schedule.betas.at(-1)).toBe(1);
  });

  it('noises latents and gives v as diffusers does, the last timestep included', () => {
    const batch = {
      x0: float32('x0'),
      noise: float32('noise'),
      timesteps: [...golden('timesteps')],
    };
    expect(batch.timesteps).toContain(999);
    expect(relativeError(process.noise(batch), float32('noised'))).toBeLessThan(1e-5);
    expect(relativeError(process.target(batch), float32('velocity'))).toBeLessThan(1e-5);
  });

  it.each([1, 16, 30])('is walked by DDIM in %d steps from its end, as by diffusers', (steps) => {
    const timesteps = trailingTimesteps(steps, 1000);
    expect(timesteps).toEqual(Array.from(golden(`ddim.timesteps.${steps}`)));
    expect(timesteps[0]).toBe(999);
  });

  it("is walked by DPM++ 2M from the web UIs' largest noise level to what diffusers makes", async () => {
    const [start, outputs] = [float32('dpm.start'), float32('dpm.outputs')];
    const sigmas = discreteSigmas(schedule, 10);
    expect(relativeError(Float32Array.from(sigmas), float32('dpm.sigmas'))).toBeLessThan(1e-5);
    expect(sigmas[0]).toBeCloseTo(4518.76, 1);
    let step = 0;
    const drawn = await overSigmas(
      solveDpmPp2m,
      discreteSigmas,
    )({
      noise: start,
      steps: 10,
      process,
      predict: () => Promise.resolve(outputs.subarray(8 * step, 8 * ++step)),
    });
    expect(relativeError(drawn, float32('dpm.drawn'))).toBeLessThan(1e-4);
  });
});
