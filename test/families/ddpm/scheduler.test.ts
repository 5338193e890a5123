import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readScheduler } from '../../../src/families/ddpm/scheduler.ts';
import { readGoldenJson } from '../../helpers/golden-tensors.ts';
import { maxDifference } from '../../helpers/max-difference.ts';
import { makeTemporaryFolder } from '../../helpers/temporary-folder.ts';

interface Case {
  scheduler: Record<string, unknown>;
  steps: number;
  timesteps: number[];
  start: number[];
  added: number[][];
  /** After each step. */
  path: number[][];
}

const cases = readGoldenJson('ddpm/samplers.json') as Record<string, Case>;

function writeConfig(config: Record<string, unknown>): string {
  const file = path.join(makeTemporaryFolder(), 'scheduler_config.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** A model that make-ddpm.py writes down too. */
function fixedModel(latents: Float32Array, timestep: number): Float32Array {
  return latents.map((x, i) => {
    const mixed = 0.9 * x + 0.4 * latents[(i + 1) % latents.length]!;
    return Math.tanh(mixed + Math.cos(timestep / 150));
  });
}

describe("a model's scheduler", () => {
  it.each(Object.entries(cases))('draws as in diffusers: %s', async (name, one) => {
    const { process } = await readScheduler(writeConfig(one.scheduler), undefined);
    const asked: number[] = [];
    const seen: Float32Array[] = [];
    let added = 0;
    const drawn = await process.sample({
      sampler: name.startsWith('DDPM') ? 'DDPM' : 'DDIM',
      ...{ steps: one.steps, noise: Float32Array.from(one.start) },
      predict(latents, timestep) {
        asked.push(timestep);
        seen.push(latents);
        return Promise.resolve(fixedModel(latents, timestep));
      },
      drawNoise: () => Float32Array.from(one.added[added++]!),
    });
    expect(asked).toEqual(one.timesteps);
    expect(added).toBe(one.added.length);
    for (const [i, latents] of [...seen.slice(1), drawn].entries()) {
      expect(maxDifference(latents, one.path[i]!), `step ${i}`).toBeLessThan(1e-4);
    }
  });

  it.each([
    ['beta_schedule', 'sigmoid'],
    ['prediction_type', 'sample'],
    ['variance_type', 'learned_range'],
  ])('with %s "%s" is refused by name', async (setting, value) => {
    const config = writeConfig({ _class_name: 'DDPMScheduler', [setting]: value });
    await expect(readScheduler(config, undefined)).rejects.toMatchObject({
      code: 'model.unsupported',
      message: expect.stringContaining(`${setting} to "${value}"`) as string,
    });
  });

  it('that nobody has is the usual one, and it is said', async () => {
    const { process, assumptions, prediction } = await readScheduler(null, undefined);
    expect(process.timesteps).toBe(1000);
    expect(assumptions).toHaveLength(1);
    expect(prediction.basis).toBe('assumed');
  });

  it('gives way to what a person says it predicts, which is remarked', async () => {
    const config = writeConfig({ prediction_type: 'epsilon' });
    const { prediction } = await readScheduler(config, 'v');
    expect(prediction).toMatchObject({ predictionType: 'v_prediction', basis: 'chosen' });
    expect(prediction.remarks).toEqual([expect.stringContaining('"epsilon"') as string]);
  });
});
