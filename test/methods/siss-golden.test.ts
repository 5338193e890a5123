import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { expect, it, onTestFinished } from 'vitest';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { mixRows } from '../../src/methods/siss/mixture.ts';
import { InnerProducts, Optimizer } from '../../src/descent/optimizer.ts';
import { type MixtureBatch, sissStep } from '../../src/methods/siss/step.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';

const run = { device: 'cpu', threads: 1 } as const;
const sgd = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const;
const rows = 4;

const { figures, change } = readGoldenJson('siss.json') as {
  figures: Record<string, number>;
  /** Norm and eight elements of the clipped gradient, by parameter. */
  change: Record<string, number[]>;
};
const tensor = readGoldenTensors('siss.safetensors');
const floats = (name: string) => Float32Array.from(tensor(name));
const isForget = [...tensor('in.uniform_draw')].map((draw) => draw <= figures.lambd!);

/** The recorded inputs: overlapping pictures at late timesteps, so that weights are of all sizes. */
function recordedBatch() {
  const row = (name: string, i: number) => {
    const all = floats(name);
    const size = all.length / rows;
    return all.subarray(i * size, (i + 1) * size);
  };
  const mixed = [...tensor('in.timesteps')].map((timestep, i) => ({
    ...{ retain: row('in.x0_all', i), forget: row('in.x0_deletion', i) },
    ...{ isForget: isForget[i]!, isSameCaption: true, timestep },
  }));
  const batch = mixRows(mixed, floats('in.noise'), {
    process: new VariancePreserving(createNoiseSchedule(), 'epsilon'),
    mixture: figures.lambd!,
  });
  return { ...batch, prompts: encodedPrompts(floats('in.context'), rows) };
}

it('importance weights are those of the published code', () => {
  const { noisyLatents, retain, forget } = recordedBatch();
  const noisyOf = { true: floats('in.noisy_deletion'), false: floats('in.noisy_all') };
  const size = noisyLatents.length / rows;
  isForget.forEach((is, i) => {
    const expected = noisyOf[`${is}`].subarray(i * size, (i + 1) * size);
    const actual = noisyLatents.subarray(i * size, (i + 1) * size);
    expect(relativeError(actual, expected)).toBeLessThan(1e-6);
  });
  // Theirs are exponents of float32 sums: off by some thousandths.
  tensor('out.importance_weight_x').forEach((weight, i) => {
    expect(retain.weights[i]).toBeCloseTo(weight, 2);
  });
  tensor('out.importance_weight_a').forEach((weight, i) => {
    expect(forget.weights[i]).toBeCloseTo(weight, 2);
  });
});

it.each([
  ['all rows in one batch', [recordedBatch()]],
  ['a batch of two, and a batch of the other two', halves(recordedBatch())],
] as const)(
  'one step is that of the published code: %s',
  async (_, batches) => {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const names = [...checkpoint.file.tensors.keys()];
    const start = await readParameters(checkpoint, names);
    const specs = [...start.entries()].map(([name, { dims }]) => ({ name, shape: dims }));
    const [{ timesteps }] = batches;
    const unet = await UnetSession.create(checkpoint, {
      shape: { batch: timesteps.length, latentHeight: 16, latentWidth: 16, contextTokens: 77 },
      adaptation: fitFullWeights(checkpoint, names),
      ...run,
    });
    const outer = await Optimizer.create(specs, sgd, { ...run, terms: 2 });
    const accumulator = await Optimizer.create(specs, sgd, { ...run, terms: 1 });
    const innerProducts = await InnerProducts.create(specs, run);
    onTestFinished(async () => {
      for (const tool of [unet, outer, accumulator, innerProducts]) await tool.release();
    });
    const parameters = await readParameters(checkpoint, names);
    const workspaceSet = () => TensorSet.zeros(specs);
    const report = await sissStep(
      {
        model: unet,
        parameters,
        ...{ outer, accumulator, innerProducts, outerState: outer.freshState() },
        workspace: { first: workspaceSet(), second: workspaceSet(), third: workspaceSet() },
      },
      batches,
      // Ours is that of 16 times as many entries.
      {
        ...{ learningRate: 1, clipNorm: 1, unknownLoss: Infinity },
        forgetNorm: 16 * figures.scaling_norm!,
      },
    );
    const entries = 4 * 16 * 16;
    const close = (actual: number, expected: number) => {
      expect(Math.abs(actual / expected - 1)).toBeLessThan(2e-3);
    };
    close(entries * report.retainLoss!, figures.L_x!);
    close(entries * report.forgetLoss!, figures.L_a!);
    close(report.retainGradientNorm, figures.norm_grad_x!);
    close(report.forgetGradientNorm, figures.norm_grad_a!);
    close(report.lambda, figures.scaling_factor!);
    // Plain SGD with the rate 1: the change is the clipped gradient.
    let worst = 0;
    for (const [name, [norm, ...samples]] of Object.entries(change)) {
      const before = floatData(start.get(name));
      const after = floatData(parameters.get(name));
      const followed = before.map((value, i) => value - after[i]!);
      const length = Math.hypot(...followed);
      expect(Math.abs(length - norm!), name).toBeLessThan(1e-4 + 5e-3 * norm!);
      samples.forEach((sample, i) => {
        const at = Math.floor((i * (followed.length - 1)) / 7);
        worst = Math.max(worst, Math.abs(followed[at]! - sample));
      });
    }
    expect(Object.keys(change)).toHaveLength(names.length);
    expect(worst).toBeLessThan(1e-4);
  },
  120_000,
);

function halves(batch: MixtureBatch): [MixtureBatch, MixtureBatch] {
  const half = (values: Float32Array, i: number) =>
    values.subarray((i * values.length) / 2, ((i + 1) * values.length) / 2);
  const halfOf = (i: number): MixtureBatch => {
    const side = ({ target, weights }: typeof batch.retain) => ({
      target: half(target, i),
      weights: weights.slice(2 * i, 2 * i + 2),
    });
    return {
      noisyLatents: half(batch.noisyLatents, i),
      prompts: batch.prompts.slice(2 * i, 2 * i + 2),
      timesteps: batch.timesteps.slice(2 * i, 2 * i + 2),
      retain: side(batch.retain),
      forget: side(batch.forget),
    };
  };
  return [halfOf(0), halfOf(1)];
}
