import { expect, it, onTestFinished } from 'vitest';

import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { Descent } from '../../src/descent/descent.ts';
import { followLosses } from '../../src/descent/two-losses.ts';
import type { Checkpoint } from '../../src/families/checkpoint.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { negGradStep } from '../../src/methods/neggrad/step.ts';
import { redirected } from '../../src/methods/retrack/neighbours.ts';
import { reTrackStep } from '../../src/methods/retrack/trainer.ts';
import { vduStep } from '../../src/methods/vdu/trainer.ts';
import { defaultOptimizers } from '../../src/methods/settings-fields.ts';
import { steeredStep } from '../../src/methods/steered-trainer.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import type { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { joinRows, splitRows } from '../../src/tensor/rows.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import { readGoldenJson } from '../helpers/golden-tensors.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { relativeError } from '../helpers/relative-error.ts';

// As make-peers.py draws and computes it.
const rows = 2;
const latents = rows * 4 * 16 * 16;
const contexts = rows * 77 * 64;
const generator = createGenerator(20261130);
const drawn = {
  forget: {
    noisyLatents: generator.randn(latents),
    target: generator.randn(latents),
    timesteps: [700, 700],
    prompts: encodedPrompts(generator.randn(contexts), rows),
  },
  anchors: encodedPrompts(generator.randn(contexts), rows),
  retain: {
    noisyLatents: generator.randn(latents),
    target: generator.randn(latents),
    timesteps: [300, 300],
    prompts: encodedPrompts(generator.randn(contexts), rows),
  },
};
const middle = generator.randn(latents / rows);
const apart = generator.randn((3 * latents) / rows);
const nearby = [0, 1, 2].map((k) =>
  middle.map((value, i) => value + 0.05 * apart[k * middle.length + i]!),
);
const steered = { ...drawn.forget, steerTo: { kind: 'anchor' as const, prompts: drawn.anchors } };
const followed = { learningRate: 0.5, clipNorm: 1 };
const kept = { ...followed, retainWeight: 0.5 };

interface Reference {
  readonly forget?: number;
  readonly retain?: number;
  readonly lambda?: number;
  /** Elements that SalUn's mask leaves, by parameter. */
  readonly kept?: Readonly<Record<string, number>>;
  /** Norm and eight elements, by parameter. */
  readonly change: Readonly<Record<string, readonly number[]>>;
}
const references = readGoldenJson('peers.json') as Readonly<Record<string, Reference>>;

const trained = Object.keys(references.finetune!.change);

async function parametersOfTest(checkpoint: Checkpoint): Promise<TensorSet> {
  const parameters = await readParameters(checkpoint, trained);
  for (const [, tensor] of parameters.entries()) {
    const values = floatData(tensor);
    values.forEach((value, i) => (values[i] = 1.125 * value));
  }
  return parameters;
}

const sgd = defaultOptimizers.sgd;

/** Takes a step, and compares its losses and what it changed with PyTorch's. */
async function compare(
  { checkpoint, unet }: { readonly checkpoint: Checkpoint; readonly unet: UnetSession },
  name: string,
  take: (descent: Descent) => Promise<Omit<Awaited<ReturnType<typeof followLosses>>, 'lambda'>>,
  settings: Partial<Parameters<typeof Descent.open>[0]['settings']> = {},
) {
  const reference = references[name]!;
  const before = await parametersOfTest(checkpoint);
  const parameters = await parametersOfTest(checkpoint);
  const descent = await Descent.open({
    settings: {
      ...{ adapter: { kind: 'full' }, accumulation: 1, retainTarget: 'noise' },
      ...{ optimizer: sgd, ...settings },
    },
    ...{ adaptation: fitFullWeights(checkpoint, trained), model: unet, parameters, saved: null },
    ...{ batches: { forgotten: () => [drawn.forget] }, device: 'cpu', threads: 1 },
  });
  const step = await take(descent);
  if (reference.forget !== undefined) expect(step.forgetLoss).toBeCloseTo(reference.forget, 5);
  if (reference.retain !== undefined && step.retainLoss !== null) {
    expect(step.retainLoss).toBeCloseTo(reference.retain, 5);
  }
  for (const [parameter, [norm, ...elements]] of Object.entries(reference.change)) {
    const old = floatData(before.get(parameter));
    const change = floatData(parameters.get(parameter)).map((value, i) => value - (old[i] ?? 0));
    // A change is the difference of two float32 weights.
    const floor = 1e-3 * norm!;
    expect(Math.abs(Math.hypot(...change) - norm!), parameter).toBeLessThan(1e-3 * norm!);
    const first = Float32Array.from(elements);
    expect(relativeError(change.slice(0, 8), first, floor), parameter).toBeLessThan(2e-3);
  }
  return { step, reference, before, parameters, descent };
}

// One test: compiling the UNet is most of its time.
it('takes the steps of NegGrad, fine-tuning, Concept Ablation, SalUn, ReTrack and VDU as PyTorch does', async () => {
  const checkpoint = await openReferenceUnet('unet-tiny');
  const unet = await UnetSession.create(checkpoint, {
    shape: { batch: rows, latentHeight: 16, latentWidth: 16, contextTokens: 77 },
    ...{ adaptation: fitFullWeights(checkpoint, trained), device: 'cpu', threads: 1 },
  });
  onTestFinished(() => unet.release());
  const model = { checkpoint, unet };
  const both = { forget: [drawn.forget], retain: [drawn.retain] };
  const ascent = { ...followed, forgetNorm: 750 };

  await compare(model, 'neggrad alone', ({ tools }) =>
    negGradStep(tools, { ...both, retain: [] }, { ...ascent, retainWeight: 0 }),
  );
  const negGrad = await compare(model, 'neggrad', ({ tools }) =>
    negGradStep(tools, both, { ...ascent, retainWeight: 1 }),
  );
  const { lambda } = negGrad.step as { readonly lambda?: number };
  expect(lambda! / negGrad.reference.lambda!).toBeCloseTo(1, 4);

  await compare(model, 'finetune', ({ tools }) =>
    followLosses(tools, { ...both, forget: [] }, { ...followed, lambda: () => 0 }),
  );

  const batches = { ...both, forget: [steered] };
  await compare(model, 'conceptablation', ({ tools }) => steeredStep(tools, batches, kept));

  const optimizer = { ...defaultOptimizers.adamw, weightDecay: 0.1 };
  const { reference, descent } = await compare(
    model,
    'salun',
    ({ tools }) => steeredStep(tools, batches, { ...kept, learningRate: 1e-3 }),
    { saliency: 0.5, optimizer },
  );
  for (const [parameter, left] of Object.entries(reference.kept!)) {
    const ours = floatData(descent.state().get('saliency')!.get(parameter)).reduce(
      (sum, value) => sum + value,
      0,
    );
    // Gradients that are equal but for rounding lie on both sides of the threshold.
    expect(Math.abs(ours - left), parameter).toBeLessThanOrEqual(2);
  }

  const process = new VariancePreserving(createNoiseSchedule(), 'epsilon');
  const target = joinRows(
    splitRows(drawn.forget.noisyLatents, latents / rows).map((noisyLatents) =>
      redirected({ noisyLatents, timestep: 700 }, nearby, process),
    ),
  );
  await compare(model, 'retrack', ({ tools }) =>
    reTrackStep(
      tools,
      { forget: [{ ...drawn.forget, target }], retain: [drawn.retain] },
      { ...followed, forgetShare: 0.25 },
    ),
  );

  const start = await readParameters(checkpoint, trained);
  const averaged = await compare(
    model,
    'vdu',
    ({ tools }) =>
      vduStep(tools, { forget: [drawn.forget], start }, { ...followed, stability: 0.5 }),
    { ema: 0.75 },
  );
  const mean = averaged.descent.result;
  expect(mean).not.toBe(averaged.parameters);
  for (const [parameter, tensor] of mean.entries()) {
    const [from, to] = [start, averaged.parameters].map((set) => floatData(set.get(parameter)));
    const expected = from!.map((value, i) => 0.75 * value + 0.25 * to![i]!);
    expect(relativeError(floatData(tensor), expected), parameter).toBeLessThan(1e-6);
  }
}, 60_000);
