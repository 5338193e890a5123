import { describe, expect, it } from 'vitest';

import { createNoiseSchedule } from '../../../src/diffusion/noise-schedule.ts';
import type { TrainedType } from '../../../src/diffusion/prediction-type.ts';
import { findSampler, solverNames } from '../../../src/diffusion/samplers/registry.ts';
import { VariancePreserving } from '../../../src/diffusion/variance-preserving.ts';
import { readGoldenJson } from '../../helpers/golden-tensors.ts';
import { maxDifference } from '../../helpers/max-difference.ts';

interface Case {
  source: string;
  sampler: string;
  steps: number;
  prediction: TrainedType;
  endsInNoise: boolean;
  /** Those of diffusers, where it drew at its own. */
  timesteps?: number[];
  drawn: number[];
}

const { start, added, cases } = readGoldenJson('samplers.json') as {
  start: number[];
  added: number[][];
  cases: Case[];
};

/** A model that make-samplers.py writes down too. */
function fixedModel(latents: Float32Array, timestep: number): Float32Array {
  return latents.map((x, i) => {
    const mixed = 0.9 * x + 0.4 * latents[(i + 1) % latents.length]!;
    return Math.tanh(mixed + Math.cos(timestep / 150));
  });
}

describe('samplers', () => {
  it.each(cases)(
    'draw what $source draws: $sampler, $steps steps, $prediction, ends in noise $endsInNoise',
    async ({ sampler, steps, prediction, endsInNoise, timesteps, drawn }) => {
      const { linearStart, linearEnd } = { linearStart: 0.00085, linearEnd: 0.012 };
      const schedule = createNoiseSchedule({
        ...{ linearStart, linearEnd, timesteps: 1000, zeroTerminalSnr: endsInNoise },
      });
      const asked: number[] = [];
      let drawCount = 0;
      let stepCount = 0;
      const actual = await findSampler(sampler)({
        noise: Float32Array.from(start),
        steps,
        process: new VariancePreserving(schedule, prediction),
        predict: (latents, timestep) => {
          asked.push(timestep);
          return Promise.resolve(fixedModel(latents, timestep));
        },
        drawNoise: () => Float32Array.from(added[drawCount++]!),
        onStep: () => (stepCount += 1),
      });
      if (timesteps) expect(maxDifference(asked, timesteps)).toBeLessThan(1e-6);
      expect(stepCount).toBe(steps);
      expect(maxDifference(actual, drawn)).toBeLessThan(1e-4);
    },
  );

  it('are all among the references, but DDIM and DDPM with their own timesteps', () => {
    const referenced = new Set(cases.map(({ sampler }) => sampler));
    expect(solverNames.filter((name) => !referenced.has(name))).toEqual(['DDIM', 'DDPM']);
  });

  it.each(['Euler a', 'LCM', 'DPM++ SDE'])(
    '%s refuses to draw without noise to add',
    async (name) => {
      const drawing = findSampler(name)({
        noise: Float32Array.from(start),
        steps: 2,
        process: new VariancePreserving(createNoiseSchedule(), 'epsilon'),
        predict: (latents, timestep) => Promise.resolve(fixedModel(latents, timestep)),
      });
      await expect(drawing).rejects.toThrow('adds noise');
    },
  );
});
