import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { expect, it, onTestFinished } from 'vitest';

import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import type { DenoisingBatch } from '../../src/descent/trainable-model.ts';
import { drawUnfinished } from '../../src/methods/esd/partial-sampling.ts';
import { esdTarget } from '../../src/methods/esd/step.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { takeElements } from '../../src/runtime/read-back.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { relativeError } from '../helpers/relative-error.ts';

// As make-esd.py draws and computes it.
const rows = 2;
const latentSize = 4 * 16 * 16;
const contextSize = 77 * 64;

const { loss, timestep, gradients } = readGoldenJson('esd.json') as {
  loss: number;
  timestep: number;
  /** Norm and eight elements, by parameter. */
  gradients: Record<string, number[]>;
};
const golden = readGoldenTensors('esd.safetensors');

async function recorded() {
  const checkpoint = await openReferenceUnet('unet-tiny');
  const trained = Object.keys(gradients);
  const shape = { batch: rows, latentHeight: 16, latentWidth: 16, contextTokens: 77 };
  const unet = await UnetSession.create(checkpoint, {
    ...{ shape, adaptation: fitFullWeights(checkpoint, trained), device: 'cpu', threads: 1 },
  });
  onTestFinished(() => unet.release());
  const original = await readParameters(checkpoint, trained);
  const parameters = await readParameters(checkpoint, trained);
  for (const [, tensor] of parameters.entries()) {
    const values = floatData(tensor);
    values.forEach((value, i) => (values[i] = 1.125 * value));
  }
  const generator = createGenerator(20261129);
  const noisyLatents = generator.randn(rows * latentSize);
  const prompts = encodedPrompts(generator.randn(rows * contextSize), rows);
  const [empty] = encodedPrompts(generator.randn(contextSize));
  const unconditional = prompts.map(() => empty!);
  const noise = generator.randn(rows * latentSize);
  return { unet, original, parameters, noisyLatents, prompts, unconditional, noise };
}

it('has the loss, the gradients and the unfinished pictures of PyTorch', async () => {
  const { unet, original, parameters, noisyLatents, prompts, unconditional, noise } =
    await recorded();
  const batch: DenoisingBatch = { noisyLatents, prompts, timesteps: [700, 700] };
  const ask = async (under: DenoisingBatch['prompts']) =>
    takeElements(await unet.predict(original, { ...batch, prompts: under }));
  const target = esdTarget(
    { conditional: await ask(prompts), unconditional: await ask(unconditional) },
    1.5,
  );
  expect(maxDifference(target, Float32Array.from(golden('target')))).toBeLessThan(5e-5);
  const into = new TensorSet();
  const error = await unet.gradient(parameters, batch, { target: unet.target(target), into });
  expect(Math.abs(error - loss)).toBeLessThan(1e-6);
  for (const [name, [norm, ...elements]] of Object.entries(gradients)) {
    const gradient = floatData(into.get(name));
    expect(Math.abs(Math.hypot(...gradient) - norm!) / norm!, name).toBeLessThan(1e-4);
    const first = Float32Array.from(elements);
    expect(relativeError(gradient.slice(0, 8), first), name).toBeLessThan(1e-3);
  }

  const unfinished = await drawUnfinished(unet, parameters, {
    ...{ noise, prompts, unconditional, guidanceScale: 3, steps: 5, stop: 2 },
    process: new VariancePreserving(createNoiseSchedule(), 'epsilon'),
  });
  expect(unfinished.timestep).toBe(timestep);
  const drawn = Float32Array.from(golden('latents'));
  expect(maxDifference(unfinished.latents, drawn)).toBeLessThan(1e-4);
});
