import { expect, it, describe, onTestFinished } from 'vitest';
import type { Adaptation } from '../../src/adapters/adapter.ts';
import { asItIs, fitFullWeights } from '../../src/adapters/full-weights.ts';
import { trainedParameters } from '../../src/adapters/parameters.ts';
import { adaptationOf } from '../../src/adapters/registry.ts';
import { defaultAdapters } from '../../src/adapters/settings.ts';
import type { Checkpoint } from '../../src/families/checkpoint.ts';
import type { DenoiserRows } from '../../src/families/family.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { relativeError } from '../helpers/relative-error.ts';

const shape = { batch: 1, latentHeight: 8, latentWidth: 8, contextTokens: 77 };

async function openSession(checkpoint: Checkpoint, adaptation: Adaptation): Promise<UnetSession> {
  const unet = await UnetSession.create(checkpoint, {
    ...{ shape, adaptation, device: 'cpu', threads: 1 },
  });
  onTestFinished(() => unet.release());
  return unet;
}

function anyRows(unet: UnetSession, checkpoint: Checkpoint): DenoiserRows {
  const generator = createGenerator(5);
  const context = generator.randn(77 * checkpoint.architecture.unet.contextDim);
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

async function predict(unet: UnetSession, parameters: TensorSet, rows: DenoiserRows) {
  return floatData(await unet.predict(parameters, rows));
}

describe.each(Object.values(defaultAdapters))('an adapter, $kind', (adapter) => {
  const namesOf = ({ file }: Checkpoint) =>
    [...file.tensors.keys()].filter((name) => !name.includes('.out.'));
  const fit = (checkpoint: Checkpoint) =>
    adaptationOf(checkpoint, namesOf(checkpoint), { adapter, seed: 3 });

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

// The gradient for whole weights is held to PyTorch's elsewhere; by the chain rule those of the two
// factors of W + s·up·down follow from it: ∂L/∂up = s·∂L/∂W·downᵀ, ∂L/∂down = s·upᵀ·∂L/∂W.
it('a low-rank change has the gradient that follows from that of the merged weights', async () => {
  const checkpoint = await openReferenceUnet('unet-tiny');
  const names = [...checkpoint.file.tensors.keys()].filter((name) =>
    /\.(?:attn2\.to_[qkv]|proj_in|ff\.net\.2)\.weight$/.test(name),
  );
  const adapter = { kind: 'lora', rank: 3, alpha: 6 } as const;
  const adaptation = adaptationOf(checkpoint, names, { adapter, seed: 3 });
  const unet = await openSession(checkpoint, adaptation);
  const parameters = await moved(adaptation, 0.02);
  const rows = anyRows(unet, checkpoint);
  const target = unet.target(createGenerator(9).randn(elementCount(unet.latentShape)));
  const gradient = new TensorSet();
  const loss = await unet.gradient(parameters, rows, { target, into: gradient });

  const { plain, weights } = await mergedSession(checkpoint, adaptation, parameters);
  const whole = new TensorSet();
  expect(await plain.gradient(weights, rows, { target, into: whole })).toBeCloseTo(loss, 5);
  for (const name of names) {
    const [outputs = 0, inputs = 0] = checkpoint.file.tensors.get(name)!.shape;
    const factor = (part: string, set: TensorSet) =>
      floatData(set.get(name.replace(/weight$/, `lora_${part}.weight`)));
    const dW = floatData(whole.get(name));
    const [down, up] = [factor('down', parameters), factor('up', parameters)];
    const expectedUp = new Float32Array(outputs * 3);
    const expectedDown = new Float32Array(3 * inputs);
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        for (let r = 0; r < 3; r++) {
          expectedUp[o * 3 + r]! += 2 * dW[o * inputs + i]! * down[r * inputs + i]!;
          expectedDown[r * inputs + i]! += 2 * dW[o * inputs + i]! * up[o * 3 + r]!;
        }
      }
    }
    expect(relativeError(factor('up', gradient), expectedUp), name).toBeLessThan(1e-3);
    expect(relativeError(factor('down', gradient), expectedDown), name).toBeLessThan(1e-3);
  }
});
