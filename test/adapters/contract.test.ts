import { expect, it, describe, onTestFinished } from 'vitest';
import type { Adaptation } from '../../src/adapters/adapter.ts';
import { asItIs, fitFullWeights } from '../../src/adapters/full-weights.ts';
import { trainedParameters } from '../../src/adapters/parameters.ts';
import { adaptationOf } from '../../src/adapters/registry.ts';
import { defaultAdapters } from '../../src/adapters/settings.ts';
import type { Checkpoint } from '../../src/families/checkpoint.ts';
import { UnetSession, type UnetRows } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const shape = { batch: 1, latentHeight: 8, latentWidth: 8, contextTokens: 77 };

async function openSession(checkpoint: Checkpoint, adaptation: Adaptation): Promise<UnetSession> {
  const unet = await UnetSession.create(checkpoint, {
    ...{ shape, adaptation, device: 'cpu', threads: 1 },
  });
  onTestFinished(() => unet.release());
  return unet;
}

function anyRows(unet: UnetSession, checkpoint: Checkpoint): UnetRows {
  const generator = createGenerator(5);
  const context = generator.randn(77 * asStableDiffusion(checkpoint).architecture.unet.contextDim);
  return {
    noisyLatents: generator.randn(elementCount(unet.latentShape)),
    timesteps: [321],
    prompts: [{ context, pooled: null }],
  };
}

/** Parameters some way off the original's, the same at every call. */
async function moved(adaptation: Adaptation, by: number): Promise<TensorSet> {
  const set = await adaptation.initial();
  const generator = createGenerator(7);
  for (const [, tensor] of set.entries()) {
    const values = floatData(tensor);
    const step = generator.randn(values.length);
    values.forEach((value, i) => (values[i] = value + by * step[i]!));
  }
  return set;
}

/** A session over the tensors that the parameters make of the checkpoint's, and those tensors. */
async function mergedSession(
  checkpoint: Checkpoint,
  adaptation: Adaptation,
  parameters: TensorSet,
) {
  const merged = adaptation.merged(parameters);
  const full = fitFullWeights(checkpoint, [...merged.keys()]);
  const weights = new TensorSet();
  for (const { name, shape } of full.parameters) {
    weights.put(name, floatTensor(await merged.get(name)!(), shape));
  }
  return { plain: await openSession(checkpoint, full), weights };
}

async function predict(unet: UnetSession, parameters: TensorSet, rows: UnetRows) {
  return floatData(await unet.predict(parameters, rows));
}

describe.each(Object.values(defaultAdapters))('an adapter, $kind', (adapter) => {
  const namesOf = ({ file }: Checkpoint) =>
    [...file.tensors.keys()].filter((name) => !name.includes('.out.'));
  const fit = (checkpoint: Checkpoint) =>
    adaptationOf(checkpoint, namesOf(checkpoint), { adapter, seed: 3, folder: '' });

  it('begins as the original', async () => {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const adaptation = fit(checkpoint);
    expect(adaptation.parameters).toEqual(
      trainedParameters(checkpoint.file.tensors, namesOf(checkpoint), adapter),
    );
    const unet = await openSession(checkpoint, adaptation);
    const original = await openSession(checkpoint, asItIs(checkpoint));
    const rows = anyRows(unet, checkpoint);
    const prediction = await predict(unet, await adaptation.initial(), rows);
    expect(relativeError(prediction, await predict(original, new TensorSet(), rows))).toBeLessThan(
      1e-6,
    );
    const again = await moved(adaptation, 0.1);
    await adaptation.initial(again);
    expect(await predict(unet, again, rows)).toEqual(prediction);
  });

  it('makes tensors of the checkpoint that predict as it does', async () => {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const adaptation = fit(checkpoint);
    const unet = await openSession(checkpoint, adaptation);
    const parameters = await moved(adaptation, 0.02);
    const { plain, weights } = await mergedSession(checkpoint, adaptation, parameters);
    const rows = anyRows(unet, checkpoint);
    const prediction = await predict(unet, parameters, rows);
    const before = await predict(unet, await adaptation.initial(), rows);
    expect(relativeError(prediction, before)).toBeGreaterThan(1e-2);
    expect(relativeError(await predict(plain, weights, rows), prediction)).toBeLessThan(1e-5);
  });
});

it('a low-rank change counts as often as its strength says, and not at all at strength 0', async () => {
  const checkpoint = await openReferenceUnet('unet-tiny');
  const names = [...checkpoint.file.tensors.keys()].filter((name) => name.includes('.attn'));
  const fit = (alpha: number) => {
    const adapter = {
      kind: 'lora',
      rank: 4,
      convRank: null,
      basePrecision: 'stored',
      alpha,
    } as const;
    return adaptationOf(checkpoint, names, { adapter, seed: 3, folder: '' });
  };
  const adaptation = fit(4);
  const unet = await openSession(checkpoint, adaptation);
  const parameters = await moved(adaptation, 0.02);
  const rows = anyRows(unet, checkpoint);
  const at = (strength: number) => predict(unet, parameters, { ...rows, strength });
  expect(await at(0)).toEqual(await predict(unet, await adaptation.initial(), rows));
  expect(await at(1)).toEqual(await predict(unet, parameters, rows));
  const { plain, weights } = await mergedSession(checkpoint, fit(6), parameters);
  expect(relativeError(await at(1.5), await predict(plain, weights, rows))).toBeLessThan(1e-5);
});
