import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { expect, it } from 'vitest';
import type { Checkpoint } from '../../src/families/checkpoint.ts';
import { defaultOptimizers } from '../../src/methods/settings-fields.ts';
import {
  eraseDiffStep,
  type EraseDiff,
  type StepBatches,
} from '../../src/methods/erasediff/step.ts';
import { InnerProducts, Optimizer } from '../../src/descent/optimizer.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { sissStep } from '../../src/methods/siss/step.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { readElements } from '../../src/runtime/read-back.ts';
import type { Device } from '../../src/runtime/session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { maxAbs, relativeError } from '../helpers/relative-error.ts';
import { describeOnWebgpu } from '../helpers/webgpu.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';

type Prepared = EraseDiff & { readonly model: UnetSession };

const sgd = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const;

/** Of the CPU's largest; the software driver's own arithmetic differs by up to 5e-4. */
const bar = 1e-3;

describeOnWebgpu('a step of SISS on WebGPU', () => {
  it('ends where it ends on the CPU', async () => {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const onCpu = await runSissStep(checkpoint, 'cpu');
    const onWebgpu = await runSissStep(checkpoint, 'webgpu');
    const { report } = onCpu;
    expect(onWebgpu.report.retainLoss! / report.retainLoss!).toBeCloseTo(1, 3);
    expect(onWebgpu.report.forgetLoss! / report.forgetLoss!).toBeCloseTo(1, 3);
    expect(onWebgpu.report.lambda / report.lambda).toBeCloseTo(1, 3);
    const floor = 1e-4 * Math.max(...[...onCpu.gradient.values()].map(maxAbs));
    for (const [name, expected] of onCpu.gradient) {
      const actual = onWebgpu.gradient.get(name)!;
      expect(relativeError(actual, expected, floor), name).toBeLessThan(bar);
    }
  }, 1_800_000);
});

describeOnWebgpu('two outer steps of EraseDiff on WebGPU', () => {
  it('stay in device memory and end where they end on the CPU', async () => {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const onCpu = await runSteps(checkpoint, 'cpu');
    const onWebgpu = await runSteps(checkpoint, 'webgpu');
    onCpu.reports.forEach((expected, step) => {
      const actual = onWebgpu.reports[step]!;
      const scale = Math.abs(expected.forgetLoss!);
      expect(actual.retainLoss! / expected.retainLoss!).toBeCloseTo(1, 3);
      expect(actual.forgetLoss! / expected.forgetLoss!).toBeCloseTo(1, 3);
      expect(actual.innerLosses[0]! / expected.innerLosses[0]!).toBeCloseTo(1, 3);
      expect(Math.abs(actual.gap! - expected.gap!)).toBeLessThan(bar * scale);
      expect(actual.retainGradientNorm / expected.retainGradientNorm).toBeCloseTo(1, 3);
      expect(actual.forgetGradientNorm / expected.forgetGradientNorm).toBeCloseTo(1, 3);
      expect(actual.lambda).toBeCloseTo(expected.lambda, 3);
    });
    for (const [part, expected] of onCpu.sets) {
      // A weight in front of a normalisation over single channels has a gradient of rounding alone.
      const floor = 1e-4 * Math.max(...[...expected.values()].map(maxAbs));
      for (const [name, values] of expected) {
        const actual = onWebgpu.sets.get(part)!.get(name)!;
        expect(relativeError(actual, values, floor), `${part} ${name}`).toBeLessThan(bar);
      }
    }
  }, 1_800_000);
});

/** What both tests run on a device: compiling it is most of their time. */
async function compile(checkpoint: Checkpoint, device: Device) {
  const run = { device, threads: 1 };
  const names = [...checkpoint.file.tensors.keys()];
  const shapes = names.map((name) => ({ name, shape: checkpoint.file.tensors.get(name)!.shape }));
  const shape = { batch: 1, latentHeight: 16, latentWidth: 16, contextTokens: 77 };
  const adaptation = fitFullWeights(checkpoint, names);
  return {
    shapes,
    model: await UnetSession.create(checkpoint, { shape, adaptation, ...run }),
    outer: await Optimizer.create(shapes, defaultOptimizers.adam, { ...run, terms: 2 }),
    inner: await Optimizer.create(shapes, sgd, { ...run, terms: 1 }),
    accumulator: await Optimizer.create(shapes, sgd, { ...run, terms: 1 }),
    innerProducts: await InnerProducts.create(shapes, run),
  };
}

const compiled = new Map<Device, ReturnType<typeof compile>>();

/** The reference model on a device, as it is before any step. */
async function prepare(checkpoint: Checkpoint, device: Device): Promise<Prepared> {
  const compiling = compiled.get(device) ?? compile(checkpoint, device);
  compiled.set(device, compiling);
  const { shapes, ...sessions } = await compiling;
  const workspaceSet = () => (device === 'webgpu' ? new TensorSet() : TensorSet.zeros(shapes));
  return {
    ...sessions,
    parameters: await readParameters(
      checkpoint,
      shapes.map(({ name }) => name),
    ),
    outerState: sessions.outer.freshState(),
    innerState: sessions.inner.freshState(),
    workspace: { first: workspaceSet(), second: workspaceSet(), third: workspaceSet() },
  };
}

async function runSteps(checkpoint: Checkpoint, device: Device) {
  const algorithm = await prepare(checkpoint, device);
  const reports = [];
  for (const step of [0, 1]) {
    reports.push(
      await eraseDiffStep(algorithm, batches(algorithm.model, step), {
        rule: { kind: 'projection', eta: 0.5, budget: 'norm' },
        learningRate: 3e-5,
        innerLearningRate: 1e-2,
        clipNorm: 1,
      }),
    );
  }
  const sets = new Map<string, Map<string, Float32Array>>();
  const resident = {
    parameters: algorithm.parameters,
    ...Object.fromEntries(algorithm.outerState.moments),
  };
  for (const [part, set] of Object.entries(resident)) {
    const values = new Map<string, Float32Array>();
    for (const [name, tensor] of set.entries()) {
      expect(tensor.location, `${part} ${name}`).toBe(device === 'webgpu' ? 'gpu-buffer' : 'cpu');
      values.set(name, await readElements(tensor));
    }
    sets.set(part, values);
  }
  return { reports, sets };
}

/** Of two batches: one that counts for both sides, one for the pictures to keep alone. */
async function runSissStep(checkpoint: Checkpoint, device: Device) {
  const algorithm = await prepare(checkpoint, device);
  const generator = createGenerator(11);
  const entries = 4 * 16 * 16;
  const draw = (weights: { retain: number; forget: number }) => ({
    noisyLatents: generator.randn(entries),
    timesteps: [900],
    prompts: encodedPrompts(generator.randn(77 * 64)),
    retain: { target: generator.randn(entries), weights: [weights.retain] },
    forget: { target: generator.randn(entries), weights: [weights.forget] },
  });
  const report = await sissStep(
    algorithm,
    [draw({ retain: 1.5, forget: 0.5 }), draw({ retain: 2, forget: 0 })],
    { learningRate: 3e-5, clipNorm: 1, forgetNorm: 320, unknownLoss: Infinity },
  );
  // Adam's first moment is a tenth of the gradient that was followed.
  const gradient = new Map<string, Float32Array>();
  for (const [name, tensor] of algorithm.outerState.moments.get('mean')!.entries()) {
    gradient.set(name, await readElements(tensor));
  }
  return { report, gradient };
}

function batches(unet: UnetSession, step: number): StepBatches {
  const generator = createGenerator(7 + step);
  const [, channels = 4, height = 16, width = 16] = unet.latentShape;
  const draw = () => ({
    noisyLatents: generator.randn(channels * height * width),
    timesteps: [500],
    prompts: encodedPrompts(generator.randn(77 * 64)),
  });
  const steered = () => ({
    ...draw(),
    steerTo: { kind: 'anchor' as const, prompts: encodedPrompts(generator.randn(77 * 64)) },
  });
  return {
    inner: [steered()],
    forget: [steered()],
    retain: [{ ...draw(), target: generator.randn(channels * height * width) }],
  };
}
