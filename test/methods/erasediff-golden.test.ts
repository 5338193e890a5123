import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { EncodedPrompt } from '../../src/families/encoded-prompt.ts';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { qSample } from '../../src/diffusion/forward-process.ts';
import { eraseDiffStep, type EraseDiff } from '../../src/methods/erasediff/step.ts';
import type { TargetedBatch } from '../../src/descent/trainable-model.ts';
import { computeLambda, type LambdaRule } from '../../src/methods/erasediff/lambda-rule.ts';
import type { SteeredBatch } from '../../src/descent/steering.ts';
import { InnerProducts, Optimizer } from '../../src/descent/optimizer.ts';
import type { ParameterSpec } from '../../src/optim/update-graph.ts';
import type { OptimizerSettings } from '../../src/optim/update-rule.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { createGenerator, type Generator } from '../../src/tensor/random.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';

const schedule = createNoiseSchedule();
const sgd: OptimizerSettings = { kind: 'sgd', momentum: 0, weightDecay: 0 };
const adam: OptimizerSettings = {
  kind: 'adam',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
};
const run = { device: 'cpu', threads: 1 } as const;

const batch = 2;
const latentSize = 16;
const tokens = 77;
const contextWidth = 64;

interface OfficialVariant {
  kind: 'official';
  K: number;
  lr: number;
  lambda_bome: number;
  eta_bome: number | null;
  n_forget_batches: number;
  epochs: {
    inner: number[][];
    outer: {
      loss_dr: number;
      loss_du: number;
      lambda_: number;
      cosine: number;
      q_grad_norm: number;
      dr_grad_norm: number;
    }[];
  }[];
}

interface ValueVariant {
  budget: 'norm' | 'gap';
  target: 'uniform' | 'anchor';
  K: number;
  lr_inner: number;
  lr_outer: number;
  eta: number;
  iterations: {
    inner: number[];
    L_f_theta: number;
    L_f_phi: number;
    g: number;
    L_r: number;
    lambda_: number;
    grad_r_norm: number;
  }[];
}

type Variant = (OfficialVariant | ValueVariant) & { readonly seed: number };

const variants = readGoldenJson('erasediff.json') as Record<string, Variant>;
const readTable = readGoldenTensors('erasediff.safetensors');

/** The inputs of one recorded run, drawn again in the order in which PyTorch drew them. */
class Recording {
  private readonly name: string;
  private readonly generator: Generator;

  constructor(name: string) {
    this.name = name;
    this.generator = createGenerator(variants[name]!.seed);
  }

  private latents(): Float32Array {
    return this.generator.randn(batch * 4 * latentSize * latentSize);
  }

  private prompts(count: number): EncodedPrompt[] {
    return encodedPrompts(this.generator.randn(count * tokens * contextWidth), count);
  }

  /** @param target the anchor's own noisy pictures, the batch's under the anchor, or U(0,1) */
  forget(target: 'own pictures' | 'same pictures' | 'uniform'): SteeredBatch {
    const x0 = this.latents();
    const prompts = this.prompts(batch);
    const [one] = this.prompts(1);
    const timesteps = this.generator.randomIntegers(batch, 0, 1000);
    const noise = this.latents();
    const values = this.generator.uniform(noise.length);
    const difference = this.latents();
    const noisyLatents = qSample(schedule, { x0, noise, timesteps });
    const asked = { timesteps, noisyLatents, prompts };
    if (target === 'uniform') return { ...asked, steerTo: { kind: 'values', values } };
    const anchor = { kind: 'anchor', prompts: [one!, one!] } as const;
    if (target === 'same pictures') return { ...asked, steerTo: anchor };
    const pseudo = x0.map((x, i) => x + 0.02 * difference[i]!);
    const ownNoisy = qSample(schedule, { x0: pseudo, noise, timesteps });
    return { ...asked, steerTo: { ...anchor, noisyLatents: ownNoisy } };
  }

  retain(): TargetedBatch {
    const x0 = this.latents();
    const prompts = this.prompts(batch);
    const timesteps = this.generator.randomIntegers(batch, 0, 1000);
    const noise = this.latents();
    const noisyLatents = qSample(schedule, { x0, noise, timesteps });
    return { timesteps, noisyLatents, prompts, target: noise };
  }

  /** Compares eight recorded elements and the norm of each parameter's change after a step. */
  expectParameters(
    step: number,
    { parameters, start }: Record<'parameters' | 'start', TensorSet>,
    tolerance: number,
  ) {
    const table = readTable(`${this.name}.${step}.theta`);
    const columns = 9;
    const names = [...start.entries()].map(([name]) => name).sort();
    expect(table.length).toBe(columns * names.length);
    let worst = 0;
    names.forEach((name, row) => {
      const now = floatData(parameters.get(name));
      const before = floatData(start.get(name));
      const [change, ...samples] = table.subarray(row * columns, (row + 1) * columns);
      samples.forEach((sample, i) => {
        const at = Math.floor((i * (now.length - 1)) / 7);
        worst = Math.max(worst, Math.abs(now[at]! - before[at]! - sample));
      });
      const norm = Math.sqrt(now.reduce((sum, x, i) => sum + (x - before[i]!) ** 2, 0));
      expect(Math.abs(norm - change!), `${this.name} ${step} ${name} change`).toBeLessThan(
        tolerance * Math.sqrt(now.length),
      );
    });
    expect(worst, `${this.name} ${step}: largest difference of a change`).toBeLessThan(tolerance);
  }
}

const close = (actual: number, expected: number, relative = 1e-3, absolute = 1e-6) => {
  expect(Math.abs(actual - expected)).toBeLessThan(relative * Math.abs(expected) + absolute);
};

describe('EraseDiff replays what PyTorch computed', () => {
  /** Keeps nothing from one test to the next, and takes longer to compile than any of them. */
  let compiling: Promise<UnetSession> | undefined;
  afterAll(async () => (await compiling)?.release());

  async function algorithm(
    inner: OptimizerSettings,
    outer: OptimizerSettings,
  ): Promise<EraseDiff & { parameterSpecs: ParameterSpec[]; start: TensorSet }> {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const names = [...checkpoint.file.tensors.keys()];
    const start = await readParameters(checkpoint, names);
    const specs = [...start.entries()].map(([name, { dims }]) => ({ name, shape: dims }));
    const shape = {
      batch,
      latentHeight: latentSize,
      latentWidth: latentSize,
      contextTokens: tokens,
    };
    const adaptation = fitFullWeights(checkpoint, names);
    compiling ??= UnetSession.create(checkpoint, { shape, adaptation, ...run });
    const unet = await compiling;
    const tools = {
      inner: await Optimizer.create(specs, inner, { ...run, terms: 1 }),
      outer: await Optimizer.create(specs, outer, { ...run, terms: 2 }),
      accumulator: await Optimizer.create(specs, sgd, { ...run, terms: 1 }),
      innerProducts: await InnerProducts.create(specs, run),
    };
    onTestFinished(async () => {
      for (const tool of Object.values(tools)) await tool.release();
    });
    return {
      ...tools,
      model: unet,
      parameterSpecs: specs,
      start,
      parameters: await readParameters(checkpoint, names),
      outerState: tools.outer.freshState(),
      innerState: tools.inner.freshState(),
      workspace: {
        first: TensorSet.zeros(specs),
        second: TensorSet.zeros(specs),
        third: new TensorSet(),
      },
    };
  }

  it.each(['const', 'adaptive', 'const2b'])(
    'the published loop, %s: one Adam for both loops',
    async (name) => {
      const variant = variants[name] as OfficialVariant;
      const recording = new Recording(name);
      const erase = await algorithm(adam, adam);
      const rule: LambdaRule =
        variant.eta_bome === null
          ? { kind: 'constant', lambda: variant.lambda_bome }
          : { kind: 'cosine', eta: variant.eta_bome };
      const settings = {
        rule,
        innerLearningRate: variant.lr,
        learningRate: variant.lr,
        clipNorm: null,
      };
      for (const [epoch, expected] of variant.epochs.entries()) {
        const inner: SteeredBatch[] = [];
        for (let j = 0; j < variant.K; j++) {
          for (let b = 0; b < variant.n_forget_batches; b++) {
            inner.push(recording.forget('own pictures'));
          }
        }
        for (const [b, outer] of expected.outer.entries()) {
          const retain = recording.retain();
          const report = await eraseDiffStep(
            erase,
            {
              // The published code runs its inner passes once an epoch.
              inner: b === 0 ? inner : [],
              forget: [recording.forget('own pictures')],
              retain: [retain],
            },
            settings,
            erase.outerState,
          );
          if (b === 0) {
            report.innerLosses.forEach((loss, i) => {
              close(loss, expected.inner.flat()[i]!);
            });
          }
          close(report.retainLoss!, outer.loss_dr);
          close(report.forgetLoss!, outer.loss_du);
          close(report.retainGradientNorm, outer.dr_grad_norm);
          close(report.forgetGradientNorm, outer.q_grad_norm, 2e-3);
          close(report.cosine, outer.cosine, 1e-2, 2e-5);
          close(report.lambda, outer.lambda_, 1e-2, 2e-5);
        }
        // Adam divides by √v: an entry with a tiny gradient amplifies rounding.
        const tolerance = 0.4 * variant.lr * (epoch + 1);
        recording.expectParameters(epoch, erase, tolerance);
      }
    },
    300_000,
  );

  it.each(['value_norm', 'value_gap', 'value_norm_anchor'])(
    'the value function rule, %s: φ_K held constant',
    async (name) => {
      const variant = variants[name] as ValueVariant;
      const recording = new Recording(name);
      const target = variant.target === 'anchor' ? 'same pictures' : 'uniform';
      const erase = await algorithm(sgd, sgd);
      const settings = {
        rule: { kind: 'projection', eta: variant.eta, budget: variant.budget } as const,
        innerLearningRate: variant.lr_inner,
        learningRate: variant.lr_outer,
        clipNorm: null,
      };
      for (const [i, expected] of variant.iterations.entries()) {
        const inner: SteeredBatch[] = [];
        for (let j = 0; j < variant.K; j++) {
          inner.push(recording.forget(target));
        }
        const retain = recording.retain();
        const report = await eraseDiffStep(
          erase,
          { inner, forget: [recording.forget(target)], retain: [retain] },
          settings,
        );
        report.innerLosses.forEach((loss, k) => {
          close(loss, expected.inner[k]!);
        });
        close(report.forgetLoss!, expected.L_f_theta);
        close(report.retainLoss!, expected.L_r);
        close(report.retainGradientNorm, expected.grad_r_norm);
        if (variant.budget === 'gap') close(report.gap!, expected.g);
        close(report.lambda, expected.lambda_, 1e-3, 1e-4);
        recording.expectParameters(i, erase, 1e-6);
      }
    },
    300_000,
  );

  it('the reading where φ_K moves with θ: ∇g = ∇L_f(θ) − ∇L_f(φ_K)', async () => {
    const variant = variants.paper as ValueVariant;
    const recording = new Recording('paper');
    const erase = await algorithm(sgd, sgd);
    const { model, parameters: theta, parameterSpecs } = erase;
    const phi = TensorSet.zeros(parameterSpecs);
    const [retainGradient, gapGradient, gradient] = [0, 1, 2].map(() =>
      TensorSet.zeros(parameterSpecs),
    ) as [TensorSet, TensorSet, TensorSet];
    const innerStep = { state: erase.inner.freshState(), learningRate: variant.lr_inner };
    for (const [i, expected] of variant.iterations.entries()) {
      let from = theta;
      for (let j = 0; j < variant.K; j++) {
        const batch = recording.forget('uniform');
        if (batch.steerTo.kind !== 'values') throw new Error('a uniform target was expected');
        const target = model.target(batch.steerTo.values);
        close(await model.gradient(from, batch, { target, into: gradient }), expected.inner[j]!);
        await erase.inner.step({ from, to: phi }, [{ weight: 1, gradient }], innerStep);
        from = phi;
      }
      const retain = recording.retain();
      const forget = recording.forget('uniform');
      if (forget.steerTo.kind !== 'values') throw new Error('a uniform target was expected');
      const target = model.target(forget.steerTo.values);
      close(await model.gradient(theta, forget, { target, into: gapGradient }), expected.L_f_theta);
      close(await model.gradient(phi, forget, { target, into: gradient }), expected.L_f_phi);
      await erase.accumulator.step(
        { from: gapGradient, to: gapGradient },
        [{ weight: 1, gradient }],
        { state: erase.accumulator.freshState(), learningRate: 1 },
      );
      const retainLoss = await model.gradient(theta, retain, {
        target: model.target(retain.target),
        into: retainGradient,
      });
      close(retainLoss, expected.L_r);
      const products = await erase.innerProducts.compute(retainGradient, gapGradient);
      const lambda = computeLambda(
        { kind: 'projection', eta: variant.eta, budget: 'norm' },
        {
          retainSquare: products.firstSquare,
          forgetSquare: products.secondSquare,
          product: products.product,
          gap: null,
        },
      );
      close(lambda, expected.lambda_, 2e-3, 1e-4);
      await erase.outer.step(
        { from: theta, to: theta },
        [
          { weight: 1, gradient: retainGradient },
          { weight: lambda, gradient: gapGradient },
        ],
        { state: erase.outerState, learningRate: variant.lr_outer },
      );
      recording.expectParameters(i, erase, 1e-6);
    }
  }, 300_000);
});
