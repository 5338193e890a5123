import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { asItIs } from '../../../src/adapters/full-weights.ts';
import {
  bitsPerDimension,
  likelihoodTimesteps,
  logLikelihood,
  signsOf,
} from '../../../src/diffusion/log-likelihood.ts';
import { createNoiseSchedule } from '../../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../../src/diffusion/variance-preserving.ts';
import { pictureLikelihoods } from '../../../src/evaluation/likelihood/picture-likelihood.ts';
import { openCheckpoint } from '../../../src/families/checkpoint.ts';
import { requireEncoded } from '../../../src/families/encoded-prompt.ts';
import { predictRows } from '../../../src/pipeline/predict-rows.ts';
import { UnetSession } from '../../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../../src/tensor/random.ts';
import { joinRows, splitRows } from '../../../src/tensor/rows.ts';
import { readGoldenJson } from '../../helpers/golden-tensors.ts';
import { tinySd } from '../../helpers/forgetful-model.ts';

const golden = path.resolve(import.meta.dirname, '../../golden/ddpm');
const place = { device: 'cpu', threads: 1 } as const;
const signal = new AbortController().signal;

it.each(['linear', 'squaredcos_cap_v2'] as const)(
  'pictures of a normal distribution are as likely as they are: %s',
  async (kind) => {
    const schedule = createNoiseSchedule({
      ...{ kind, linearStart: 1e-4, linearEnd: 0.02, timesteps: 1000 },
    });
    const process = new VariancePreserving(schedule, 'v_prediction');
    const generator = createGenerator(1);
    const [size, spread] = [50, 0.3];
    const x0 = generator.randn(2 * size).map((value) => spread * value);
    const nats = await logLikelihood({
      ...{ x0, probes: signsOf(generator.randn(2 * size)), count: 2, levels: 60, process },
      // E[v | x_t], with a variance of ā·spread² + 1 − ā.
      predict(latents, timestep) {
        const alpha = schedule.alphasCumprod[timestep]!;
        const variance = alpha * spread ** 2 + 1 - alpha;
        const share = (Math.sqrt(alpha * (1 - alpha)) * (1 - spread ** 2)) / variance;
        return Promise.resolve(latents.map((x) => share * x));
      },
    });
    for (const [row, values] of splitRows(x0, size).entries()) {
      const square = values.reduce((sum, value) => sum + value ** 2, 0);
      const exact = (-size / 2) * Math.log(2 * Math.PI * spread ** 2) - square / (2 * spread ** 2);
      // The first timestep has some noise, which the picture lacks.
      expect(Math.abs(nats[row]! - exact) / size).toBeLessThan(0.02);
    }
  },
);

it('agrees with PyTorch, which has exact products with the Jacobian', async () => {
  const expected = readGoldenJson('ddpm/likelihood.json') as readonly number[];
  const checkpoint = await openCheckpoint(path.join(golden, 'grey'));
  onTestFinished(() => checkpoint.close());
  const { process } = checkpoint;
  if (!(process instanceof VariancePreserving)) throw new TypeError('the process is another');
  const { prompts, tokens } = await checkpoint.condition.encode([''], place);
  const shape = { batch: 2, latentHeight: 28, latentWidth: 28, contextTokens: tokens };
  const unet = await UnetSession.create(checkpoint, {
    ...{ shape, adaptation: asItIs(checkpoint), ...place },
  });
  onTestFinished(() => unet.release());
  const generator = createGenerator(7);
  const size = 28 * 28;
  const x0 = generator.uniform(2 * size).map((value) => 2 * value - 1);
  const nats = await logLikelihood({
    ...{ x0, probes: signsOf(generator.randn(2 * size)), count: 2, levels: 12 },
    process,
    async predict(latents, timestep) {
      const prompt = requireEncoded(prompts, '');
      const rows = splitRows(latents, size).map((sample) => ({ sample, prompt, timestep }));
      return joinRows(await predictRows(unet, new TensorSet(), rows));
    },
  });
  for (const [row, value] of nats.entries()) {
    const bits = bitsPerDimension(value, size);
    expect(Math.abs(bits - bitsPerDimension(expected[row]!, size))).toBeLessThan(1e-3);
  }
});

it('pictures of a model are asked with the same probes again', async () => {
  const checkpoint = await openCheckpoint(path.join(golden, 'grey'));
  const pixels = Float32Array.from({ length: 784 }, (_, i) => Math.sin(i));
  const pictures = [1, 2].map(() => ({ pixels, prompt: '' }));
  const ask = (seed: number) =>
    pictureLikelihoods(checkpoint, pictures, { ...place, levels: 3, seed, signal });
  const [first, again, other] = [await ask(1), await ask(1), await ask(2)];
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
  expect(first.every(Number.isFinite)).toBe(true);
  await checkpoint.close();
  const words = await openCheckpoint(tinySd);
  await expect(
    pictureLikelihoods(words, pictures, { ...place, levels: 3, seed: 1, signal }),
  ).rejects.toThrow(/pixel-space models alone/);
  await words.close();
});

it('visits levels evenly, the first and the last among them', () => {
  const schedule = createNoiseSchedule({
    ...{ kind: 'linear', linearStart: 1e-4, linearEnd: 0.02, timesteps: 1000 },
  });
  const timesteps = likelihoodTimesteps(schedule, 40);
  expect([timesteps[0], timesteps.at(-1)]).toEqual([0, 999]);
  expect(timesteps.length).toBeGreaterThan(30);
  const noiseless = createNoiseSchedule({
    ...{ linearStart: 1e-4, linearEnd: 0.02, timesteps: 1000, zeroTerminalSnr: true },
  });
  expect(likelihoodTimesteps(noiseless, 10).at(-1)).toBe(998);
});
