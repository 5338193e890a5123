import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import path from 'node:path';
import { expect, describe, it, onTestFinished } from 'vitest';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { type EraseDiff, eraseDiffStep } from '../../src/methods/erasediff/step.ts';
import type { SteeredBatch } from '../../src/descent/steering.ts';
import { InnerProducts, Optimizer } from '../../src/descent/optimizer.ts';
import { trainedNames } from '../../src/families/stable-diffusion/parameter-groups.ts';
import type {
  DenoisingBatch,
  TargetedBatch,
  TrainableModel,
} from '../../src/descent/trainable-model.ts';
import type { OptimizerSettings } from '../../src/optim/update-rule.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { maxAbs } from '../helpers/relative-error.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';

const cpu = { device: 'cpu', threads: 1 } as const;
const sgd: OptimizerSettings = { kind: 'sgd', momentum: 0, weightDecay: 0 };
const adam: OptimizerSettings = {
  kind: 'adam',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
};

async function algorithm(
  model: TrainableModel,
  parameters: TensorSet,
  { inner = sgd, outer = sgd }: { inner?: OptimizerSettings; outer?: OptimizerSettings } = {},
): Promise<EraseDiff> {
  const specs = [...parameters.entries()].map(([name, { dims }]) => ({ name, shape: dims }));
  const optimizer = (settings: OptimizerSettings, terms: number) =>
    Optimizer.create(specs, settings, { ...cpu, terms });
  const outerOptimizer = await optimizer(outer, 2);
  const innerOptimizer = await optimizer(inner, 1);
  return {
    model,
    parameters,
    outer: outerOptimizer,
    outerState: outerOptimizer.freshState(),
    inner: innerOptimizer,
    innerState: innerOptimizer.freshState(),
    accumulator: await optimizer(sgd, 1),
    innerProducts: await InnerProducts.create(specs, cpu),
    workspace: {
      first: TensorSet.zeros(specs),
      second: TensorSet.zeros(specs),
      third: TensorSet.zeros(specs),
    },
  };
}

/** ε_θ(x, c) = θ + c at one number: what every loss and gradient of a step is can be worked out. */
const shiftModel: TrainableModel = {
  latentShape: [1],
  predict: (parameters, batch) => Promise.resolve(floatTensor(predictions(parameters, batch), [1])),
  loss: (parameters, batch, target) => {
    const error = predictions(parameters, batch)[0]! - floatData(target)[0]!;
    return Promise.resolve(error ** 2);
  },
  gradient: (parameters, batch, { target, into }) => {
    const error = predictions(parameters, batch)[0]! - floatData(target)[0]!;
    floatData(into.get('theta'))[0] = 2 * error;
    return Promise.resolve(error ** 2);
  },
  target: (values) => floatTensor(values, [1]),
};

function predictions(parameters: TensorSet, { prompts }: DenoisingBatch): Float32Array {
  return Float32Array.of(thetaOf(parameters) + prompts[0]!.context[0]!);
}

const thetaOf = (parameters: TensorSet) => floatData(parameters.get('theta'))[0]!;

function theta(value: number): TensorSet {
  const set = new TensorSet();
  set.put('theta', floatTensor(Float32Array.of(value), [1]));
  return set;
}

const at = (context: number): DenoisingBatch => ({
  noisyLatents: new Float32Array(1),
  timesteps: [0],
  prompts: encodedPrompts(Float32Array.of(context)),
});
const retainTo = (target: number): TargetedBatch => ({ ...at(0), target: Float32Array.of(target) });
const forgetTo = (value: number): SteeredBatch => ({
  ...at(0),
  steerTo: { kind: 'values', values: Float32Array.of(value) },
});

const settings = {
  rule: { kind: 'constant', lambda: 0.5 },
  innerLearningRate: 0.1,
  learningRate: 0.1,
  clipNorm: null,
} as const;

describe('eraseDiffStep', () => {
  it('goes against ∇L_r + λ∇L_f', async () => {
    const run = await algorithm(shiftModel, theta(2));
    // L_r = (θ − 1)², L_f = θ²: ∇L_r = 2, ∇L_f = 4.
    const batches = { inner: [], forget: [forgetTo(0)], retain: [retainTo(1)] };
    expect(await eraseDiffStep(run, batches, settings)).toEqual({
      retainLoss: 1,
      forgetLoss: 4,
      innerLosses: [],
      gap: null,
      lambda: 0.5,
      retainGradientNorm: 2,
      forgetGradientNorm: 4,
      ...{ cosine: 1, retainCosine: 1, forgetCosine: 1 },
    });
    expect(thetaOf(run.parameters)).toBeCloseTo(2 - 0.1 * (2 + 0.5 * 4), 6);
  });

  it('lets no gradient flow through the prediction that it steers to', async () => {
    const run = await algorithm(shiftModel, theta(2));
    // (θ + 3) − (θ + 1) = 2 for every θ; with the second one held, ∇L_f = 4.
    const forget: SteeredBatch = {
      ...at(3),
      steerTo: { kind: 'anchor', prompts: encodedPrompts(Float32Array.of(1)) },
    };
    const batches = { inner: [], forget: [forget], retain: [retainTo(2)] };
    const report = await eraseDiffStep(run, batches, settings);
    expect(report).toMatchObject({ forgetLoss: 4, forgetGradientNorm: 4, retainGradientNorm: 0 });
    expect(report.cosine).toBe(0);
    expect(thetaOf(run.parameters)).toBeCloseTo(2 - 0.1 * 0.5 * 4, 6);
  });

  it('takes the gradient of the Hellinger distance, for each batch by its own error', async () => {
    const run = await algorithm(shiftModel, theta(1));
    const batches = { inner: [], forget: [forgetTo(0), forgetTo(3)], retain: [retainTo(1)] };
    await eraseDiffStep(run, batches, { ...settings, forgetLoss: 'hellinger' });
    // ½·d/dθ (1 − exp(−θ²)) + ½·d/dθ (1 − exp(−(θ − 3)²)) at θ = 1
    const slope = (x: number) => (2 - Math.exp(-(x ** 2)) - Math.exp(-((x - 3) ** 2))) / 2;
    const gradient = (slope(1 + 1e-4) - slope(1 - 1e-4)) / 2e-4;
    expect(thetaOf(run.parameters)).toBeCloseTo(1 - 0.1 * 0.5 * gradient, 5);
  });

  it('finds φ_K beside θ, and λ by the gap to it', async () => {
    const run = await algorithm(shiftModel, theta(2));
    const rule = { kind: 'projection', eta: 0.5, budget: 'gap' } as const;
    // φ: 2 → 1.6 → 1.28 on θ². ∇L_r = 2 (2 − 5) = −6, ∇L_f = 4.
    const batches = {
      inner: [forgetTo(0), forgetTo(0)],
      forget: [forgetTo(0)],
      retain: [retainTo(5)],
    };
    const report = await eraseDiffStep(run, batches, { ...settings, rule, learningRate: 0.01 });
    const gap = 4 - 1.28 ** 2;
    const lambda = (0.5 * gap + 24) / 16;
    expect(report.innerLosses[0]).toBe(4);
    expect(report.innerLosses[1]).toBeCloseTo(1.6 ** 2, 5);
    expect(report.gap).toBeCloseTo(gap, 5);
    expect(report.lambda).toBeCloseTo(lambda, 5);
    expect(report.cosine).toBe(-1);
    expect(thetaOf(run.parameters)).toBeCloseTo(2 - 0.01 * (-6 + lambda * 4), 6);
  });

  it('takes the inner steps of every outer one with fresh moments', async () => {
    const run = await algorithm(shiftModel, theta(2), { inner: adam });
    const rule = { kind: 'projection', eta: 0.5, budget: 'gap' } as const;
    const batches = { inner: [forgetTo(0)], forget: [forgetTo(0)], retain: [retainTo(5)] };
    for (let i = 0; i < 3; i++) {
      const before = thetaOf(run.parameters);
      const { gap } = await eraseDiffStep(run, batches, { ...settings, rule });
      // Adam's first step has the length of the learning rate.
      expect(gap).toBeCloseTo(before ** 2 - (before - 0.1) ** 2, 5);
    }
  });

  it('keeps the moments of the outer steps', async () => {
    const run = await algorithm(shiftModel, theta(2), { outer: adam });
    const batches = { inner: [], forget: [forgetTo(0)], retain: [retainTo(1)] };
    await eraseDiffStep(run, batches, settings);
    await eraseDiffStep(run, batches, settings);
    expect(run.outerState.step).toBe(2);
    const mean = floatData(run.outerState.moments.get('mean')!.get('theta'))[0]!;
    // After one step θ is 1.9: gradients 4 and 2·0.9 + 0.5·2·1.9 = 3.7.
    expect(mean).toBeCloseTo(0.9 * 0.1 * 4 + 0.1 * 3.7, 5);
  });

  it.each([
    [1, 1],
    [100, 4],
  ])('brings the norm of the sum to at most %d', async (clipNorm, norm) => {
    const run = await algorithm(shiftModel, theta(2));
    const batches = { inner: [], forget: [forgetTo(0)], retain: [retainTo(1)] };
    await eraseDiffStep(run, batches, { ...settings, clipNorm });
    expect(thetaOf(run.parameters)).toBeCloseTo(2 - 0.1 * norm, 5);
  });
});

describe('Accumulation', () => {
  const latents = 4 * 8 * 8;
  const context = 77 * 64;
  const generator = createGenerator(3);
  /** Two rows of everything. */
  const draw = (row: number) => generator.randn(2 * row);
  const drawBatch = (): DenoisingBatch => ({
    noisyLatents: draw(latents),
    timesteps: generator.randomIntegers(2, 0, 1000),
    prompts: encodedPrompts(draw(context), 2),
  });
  const forget = { ...drawBatch(), anchor: encodedPrompts(draw(context), 2) };
  const retain = { ...drawBatch(), target: draw(latents) };

  /** Rows `first` to `last` (exclusive). */
  const rows = (values: Float32Array, row: number, [first, last]: readonly [number, number]) =>
    values.slice(first * row, last * row);
  const rowsOf = (batch: DenoisingBatch, range: readonly [number, number]): DenoisingBatch => ({
    noisyLatents: rows(batch.noisyLatents, latents, range),
    timesteps: batch.timesteps.slice(...range),
    prompts: batch.prompts.slice(...range),
  });
  const batchesOf = (ranges: readonly (readonly [number, number])[]) => ({
    inner: [],
    forget: ranges.map((range): SteeredBatch => ({
      ...rowsOf(forget, range),
      steerTo: { kind: 'anchor', prompts: forget.anchor.slice(...range) },
    })),
    retain: ranges.map((range): TargetedBatch => ({
      ...rowsOf(retain, range),
      target: rows(retain.target, latents, range),
    })),
  });

  /** One outer step on tiny-sd's cross-attention from the checkpoint's own weights. */
  async function step(batch: number, ranges: readonly (readonly [number, number])[]) {
    const file = path.resolve(import.meta.dirname, '../../presets/tiny-sd/tiny-sd.safetensors');
    const checkpoint = await openCheckpoint(file);
    onTestFinished(() => checkpoint.file.close());
    const trained = trainedNames(checkpoint.file.tensors.keys(), 'xattn');
    const shape = { batch, latentHeight: 8, latentWidth: 8, contextTokens: 77 };
    const unet = await UnetSession.create(checkpoint, {
      ...{ shape, adaptation: fitFullWeights(checkpoint, trained), ...cpu },
    });
    onTestFinished(() => unet.release());
    const start = await readParameters(checkpoint, trained);
    const run = await algorithm(unet, await readParameters(checkpoint, trained));
    const report = await eraseDiffStep(run, batchesOf(ranges), {
      ...settings,
      rule: { kind: 'projection', eta: 0.5, budget: 'norm' },
      learningRate: 1,
      clipNorm: 1,
    });
    const change = [...run.parameters.entries()].map(([name, tensor]) => {
      const before = floatData(start.get(name));
      return floatData(tensor).map((element, i) => element - before[i]!);
    });
    return { report, change };
  }

  it('of two batches goes where one of twice the size goes', async () => {
    const once = await step(2, [[0, 2]]);
    const twice = await step(1, [
      [0, 1],
      [1, 2],
    ]);
    for (const key of ['retainLoss', 'forgetLoss', 'lambda', 'cosine'] as const) {
      expect(twice.report[key], key).toBeCloseTo(once.report[key]!, 5);
    }
    for (const key of ['retainGradientNorm', 'forgetGradientNorm'] as const) {
      const relative = twice.report[key] / once.report[key];
      expect(relative, key).toBeCloseTo(1, 4);
    }
    const largest = Math.max(...once.change.map(maxAbs));
    expect(largest).toBeGreaterThan(1e-3);
    once.change.forEach((change, i) => {
      expect(maxDifference(twice.change[i]!, change)).toBeLessThan(1e-4 * largest);
    });
    // Two rows that differ: a sum instead of a mean, or one row alone, would go elsewhere.
    const first = await step(1, [[0, 1]]);
    const apart = first.change.map((change, i) => maxDifference(change, once.change[i]!));
    expect(Math.max(...apart)).toBeGreaterThan(0.05 * largest);
  });
});
