import { expect, it, onTestFinished } from 'vitest';

import type { Adaptation } from '../../src/adapters/adapter.ts';
import { lowRank } from '../../src/adapters/low-rank/adapter.ts';
import { defaultAdapters } from '../../src/adapters/settings.ts';
import type { Checkpoint } from '../../src/families/checkpoint.ts';
import type { LatentSize } from '../../src/families/family.ts';
import { UnetSession, type UnetRows } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const sizes = [
  { latentHeight: 8, latentWidth: 8 },
  { latentHeight: 4, latentWidth: 12 },
  { latentHeight: 10, latentWidth: 6 },
] as const;

async function open(checkpoint: Checkpoint, adaptation: Adaptation, of: readonly LatentSize[]) {
  const [first = sizes[0], ...otherSizes] = of;
  const unet = await UnetSession.create(checkpoint, {
    ...{ shape: { batch: 2, ...first, contextTokens: 77 }, otherSizes, adaptation },
    ...{ device: 'cpu', threads: 1 },
  });
  onTestFinished(() => unet.release());
  return unet;
}

function rowsOf(unet: UnetSession, checkpoint: Checkpoint, size: LatentSize): UnetRows {
  const { contextDim } = asStableDiffusion(checkpoint).architecture.unet;
  const generator = createGenerator(5);
  const prompts = [0, 1].map(() => ({
    ...{ context: generator.randn(77 * contextDim), pooled: null },
  }));
  const noisyLatents = generator.randn(elementCount(unet.latentShapeOf(size)));
  return { noisyLatents, timesteps: [321, 20], prompts, size };
}

/** What is predicted, how wrong that is, and its gradient. */
async function ask(unet: UnetSession, parameters: TensorSet, rows: UnetRows) {
  const target = unet.target(rows.noisyLatents.map(Math.sin), rows);
  const into = new TensorSet();
  const prediction = floatData(await unet.predict(parameters, rows)).slice();
  const loss = await unet.loss(parameters, rows, target);
  const gradient = await unet.gradient(parameters, rows, { target, into });
  const gradients = [...into.entries()].map(([name, tensor]) => [name, floatData(tensor).slice()]);
  return { prediction, loss, gradient, gradients };
}

it('a session for several sizes is as one for each', async () => {
  const checkpoint = await openReferenceUnet('unet-tiny');
  const names = [...checkpoint.file.tensors.keys()].filter((name) => name.includes('attn2'));
  const settings = { adapter: defaultAdapters.lora, seed: 1, folder: '' };
  const adaptation = lowRank.fit(checkpoint, names, settings);
  const parameters = await adaptation.initial();
  const all = await open(checkpoint, adaptation, sizes);
  // Back and forth, so that none leaves anything behind.
  const asked = [];
  for (const size of [...sizes, sizes[0]]) {
    asked.push(await ask(all, parameters, rowsOf(all, checkpoint, size)));
  }
  expect(asked[0]).toEqual(asked.at(-1));
  for (const [i, size] of sizes.entries()) {
    const own = await open(checkpoint, adaptation, [size]);
    expect(asked[i]).toEqual(await ask(own, parameters, rowsOf(own, checkpoint, size)));
  }
  const rows = { ...rowsOf(all, checkpoint, sizes[0]), size: { latentHeight: 6, latentWidth: 6 } };
  await expect(all.predict(parameters, rows)).rejects.toThrow('6×6');
});
