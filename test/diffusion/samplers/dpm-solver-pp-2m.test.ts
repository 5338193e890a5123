import { describe, expect, it } from 'vitest';

import { createNoiseSchedule } from '../../../src/diffusion/noise-schedule.ts';
import type { TrainedType } from '../../../src/diffusion/prediction-type.ts';
import { sampleDdim } from '../../../src/diffusion/samplers/ddim.ts';
import { solveDpmPp2m } from '../../../src/diffusion/samplers/dpm-solver-pp-2m.ts';
import { overSigmas } from '../../../src/diffusion/samplers/sigma-space.ts';
import { VariancePreserving } from '../../../src/diffusion/variance-preserving.ts';
import {
  createSigmaToTimestep,
  discreteSigmas,
  karrasSigmas,
} from '../../../src/diffusion/samplers/sigmas.ts';
import { createGenerator } from '../../../src/tensor/random.ts';
import { readGoldenJson } from '../../helpers/golden-tensors.ts';
import { maxDifference } from '../../helpers/max-difference.ts';

interface Case {
  steps: number;
  karras: boolean;
  predictionType: TrainedType;
  sigmas: number[];
  noise: number[];
  outputs: number[][];
  latents: number[][];
}

const { dpmSolverPp2m: cases } = readGoldenJson('diffusion.json') as { dpmSolverPp2m: Case[] };
const schedule = createNoiseSchedule();

describe('solveDpmPp2m', () => {
  it.each(cases)(
    'replays diffusers: $steps steps, Karras $karras, $predictionType',
    async ({ steps, karras, predictionType, noise, outputs, latents }) => {
      let step = 0;
      const differences: number[] = [];
      await overSigmas(
        solveDpmPp2m,
        karras ? karrasSigmas : discreteSigmas,
      )({
        noise: Float32Array.from(noise),
        steps,
        process: new VariancePreserving(schedule, predictionType),
        predict: () => Promise.resolve(Float32Array.from(outputs[step++]!)),
        onStep: (done, _, actual) => {
          const expected = latents[done - 1]!;
          const largest = Math.max(...expected.map(Math.abs));
          differences.push(maxDifference(actual, expected) / largest);
        },
      });
      expect(differences).toHaveLength(steps);
      expect(Math.max(...differences)).toBeLessThan(2e-5);
    },
  );

  it('converges on the exact solution for Gaussian data, at second order', async () => {
    // Data N(0, s^2): the best prediction is known, and x_0 = s x_T / sqrt(s^2 + sigma_T^2).
    const dataVariance = 0.25;
    const toAlphaCumprod = (timestep: number): number => {
      const low = Math.floor(timestep);
      const logSigma = (t: number): number => {
        const alpha = schedule.alphasCumprod[Math.min(t, 999)]!;
        return 0.5 * Math.log((1 - alpha) / alpha);
      };
      const [a, b] = [logSigma(low), logSigma(low + 1)];
      return 1 / (1 + Math.exp(2 * (a + (timestep - low) * (b - a))));
    };
    const errorOf = async (steps: number): Promise<number> => {
      const noise = createGenerator(1).randn(16);
      const x0 = await overSigmas(
        solveDpmPp2m,
        karrasSigmas,
      )({
        noise,
        steps,
        process: new VariancePreserving(schedule, 'epsilon'),
        predict: (latents, timestep) => {
          const alpha = toAlphaCumprod(timestep);
          const variance = alpha * dataVariance + 1 - alpha;
          return Promise.resolve(latents.map((x) => (Math.sqrt(1 - alpha) * x) / variance));
        },
      });
      const [sigmaMax, sigmaMin] = [karrasSigmas(schedule, 2)[0]!, karrasSigmas(schedule, 2)[1]!];
      // Down to the least noise exactly, then one step onto the predicted x_0.
      const factor =
        (sigmaMax * dataVariance) /
        Math.sqrt((dataVariance + sigmaMax ** 2) * (dataVariance + sigmaMin ** 2));
      return maxDifference(
        x0,
        noise.map((x) => x * factor),
      );
    };
    const [coarse, fine] = [await errorOf(20), await errorOf(40)];
    expect(fine).toBeLessThan(4e-3);
    expect(coarse / fine).toBeGreaterThan(3.9);
  });

  it('draws nearly what DDIM draws, in far fewer steps', async () => {
    const request = {
      noise: createGenerator(5).randn(16),
      process: new VariancePreserving(schedule, 'epsilon'),
      predict: (latents: Float32Array) => Promise.resolve(latents.map((x) => 0.9 * x)),
    };
    const ddim = await sampleDdim({ ...request, steps: 500 });
    const dpm = await overSigmas(solveDpmPp2m, karrasSigmas)({ ...request, steps: 40 });
    expect(maxDifference(dpm, ddim)).toBeLessThan(0.05);
  });
});

describe('the noise levels', () => {
  it.each(cases)('are those of the reference: $steps steps, Karras $karras', (row) => {
    const sigmas = (row.karras ? karrasSigmas : discreteSigmas)(schedule, row.steps);
    expect(sigmas).toHaveLength(row.steps + 1);
    const relative = sigmas.map((sigma, i) => sigma / (row.sigmas[i]! || 1));
    const expected = row.sigmas.map((sigma) => (sigma === 0 ? 0 : 1));
    expect(maxDifference(relative, expected)).toBeLessThan(2e-5);
  });

  it('have the timestep they came from', () => {
    const toTimestep = createSigmaToTimestep(schedule);
    const timesteps = discreteSigmas(schedule, 5).slice(0, -1).map(toTimestep);
    expect(maxDifference(timesteps, [999, 749.25, 499.5, 249.75, 0])).toBeLessThan(1e-9);
    expect(toTimestep(1e-9)).toBe(0);
    expect(toTimestep(1e9)).toBe(999);
  });
});
