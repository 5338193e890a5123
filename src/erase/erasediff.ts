import { releaseTensor, type Tensor } from '../runtime/tensor.ts';
import {
  combinedNorm,
  computeLambda,
  needsGap,
  type GradientGeometry,
  type LambdaRule,
} from './lambda-rule.ts';
import type { InnerProducts, Optimizer, OptimizerState } from './optimizer.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';

/** What the UNet is asked at N noisy latents; all float32 on the host unless said. */
export interface DenoisingBatch {
  /** x_t: [N, C, h, w] */
  readonly noisyLatents: Float32Array;
  /** t, 0-based: N whole numbers */
  readonly timesteps: readonly number[];
  /** The prompt of each latent as the text encoder sees it: [N, T, D] */
  readonly context: Float32Array;
}

/** A denoising batch with the noise (or v) that was really added: [N, C, h, w]. */
export interface RetainBatch extends DenoisingBatch {
  readonly target: Float32Array;
}

/**
 * A batch of what must be forgotten. Its predictions are steered to those under other prompts
 * (`anchor`: a context [N, T, D]) or to given values (`values`: [N, C, h, w], for example U(0,1)).
 */
export interface ForgetBatch extends DenoisingBatch {
  readonly steerTo:
    | {
        readonly kind: 'anchor';
        readonly context: Float32Array;
        /** x_t of other pictures, where the anchor is shown its own; else the batch's. */
        readonly noisyLatents?: Float32Array;
      }
    | { readonly kind: 'values'; readonly values: Float32Array };
}

/** A noise predictor ε_θ whose trained parameters θ are given at every call. */
export interface TrainableModel {
  /** ε_θ at the batch: float32 [N, C, h, w], on the training device. */
  predict(parameters: TensorSet, batch: DenoisingBatch): Promise<Tensor>;
  /** The mean squared error of ε_θ to `target`. */
  loss(parameters: TensorSet, batch: DenoisingBatch, target: Tensor): Promise<number>;
  /** The same, and its gradient in `into`. */
  gradient(
    parameters: TensorSet,
    batch: DenoisingBatch,
    target: { readonly target: Tensor; readonly into: TensorSet },
  ): Promise<number>;
  /** Values on the host as a tensor of the model's output shape. */
  target(values: Float32Array): Tensor;
}

export interface EraseDiffSettings {
  readonly rule: LambdaRule;
  readonly innerLearningRate: number;
  readonly learningRate: number;
  /** Largest norm of the outer gradient; null for no clipping. */
  readonly clipNorm: number | null;
}

/** What lives from one outer step to the next, and the tools that change it. */
export interface EraseDiff {
  readonly model: TrainableModel;
  /** θ */
  readonly parameters: TensorSet;
  readonly outerState: OptimizerState;
  readonly outer: Optimizer;
  readonly inner: Optimizer;
  readonly innerProducts: InnerProducts;
  /** Adds up the gradients of several batches: plain SGD with one term. */
  readonly accumulator: Optimizer;
  /**
   * Memory for two more sets of parameters: φ, then ∇L_f in `first`; the gradients of the inner
   * steps, then ∇L_r in `second`. Holding no more than this is what lets a full model train.
   * `third` takes the gradient of one batch where several are added up.
   */
  readonly workspace: {
    readonly first: TensorSet;
    readonly second: TensorSet;
    readonly third: TensorSet;
  };
}

/**
 * The batches of one outer step: K for the inner loop, then equally many of each kind, whose
 * gradients are averaged.
 */
export interface StepBatches {
  readonly inner: readonly ForgetBatch[];
  readonly forget: readonly ForgetBatch[];
  readonly retain: readonly RetainBatch[];
}

export interface StepReport {
  readonly retainLoss: number;
  readonly forgetLoss: number;
  /** L_f before each inner step. */
  readonly innerLosses: readonly number[];
  /** L_f(θ) − L_f(φ_K); null where the rule does not need it. */
  readonly gap: number | null;
  readonly lambda: number;
  readonly retainGradientNorm: number;
  readonly forgetGradientNorm: number;
  readonly cosine: number;
}

/**
 * One outer step of EraseDiff (Wu et al., arXiv 2401.05779): minimise L_r(θ) subject to
 * L_f(θ) − min_φ L_f(φ) ≤ 0, with the minimum approximated by φ_K, K gradient steps on L_f from θ,
 * held constant: θ ← θ − lr·(∇L_r(θ) + λ∇L_f(θ)).
 *
 * @param innerState moments of the inner optimizer. Default: fresh ones; the published code, whose
 *   replay is a test, has one Adam for both loops
 */
export async function eraseDiffStep(
  run: EraseDiff,
  batches: StepBatches,
  settings: EraseDiffSettings,
  innerState?: OptimizerState,
): Promise<StepReport> {
  const { model, parameters, workspace } = run;
  const { phi, innerLosses } = await innerLoop(run, batches.inner, {
    learningRate: settings.innerLearningRate,
    ...(innerState && { state: innerState }),
  });
  const targets: Tensor[] = [];
  for (const batch of batches.forget) targets.push(await forgetTarget(model, parameters, batch));
  // φ is read for the last time here: its memory then takes ∇L_f.
  const lossAtPhi = needsGap(settings.rule)
    ? await meanLoss(model, phi, batches.forget, targets)
    : null;
  const forget = await meanGradient(run, batches.forget, { targets, into: workspace.first });
  targets.forEach(releaseTensor);
  const retain = await meanGradient(run, batches.retain, {
    targets: batches.retain.map(({ target }) => model.target(target)),
    into: workspace.second,
  });
  const products = await run.innerProducts.compute(workspace.second, workspace.first);
  const geometry: GradientGeometry = {
    retainSquare: products.firstSquare * retain.weight ** 2,
    forgetSquare: products.secondSquare * forget.weight ** 2,
    product: products.product * retain.weight * forget.weight,
    gap: lossAtPhi === null ? null : forget.loss - lossAtPhi,
  };
  const lambda = computeLambda(settings.rule, geometry);
  const clip = clipFactor(combinedNorm(geometry, lambda), settings.clipNorm);
  await run.outer.step(
    { from: parameters, to: parameters },
    [
      { weight: clip * retain.weight, gradient: workspace.second },
      { weight: clip * lambda * forget.weight, gradient: workspace.first },
    ],
    { state: run.outerState, learningRate: settings.learningRate },
  );
  return {
    retainLoss: retain.loss,
    forgetLoss: forget.loss,
    innerLosses,
    lambda,
    ...describe(geometry),
  };
}

/** φ_K: K gradient steps on L_f from θ, which stays as it is. */
async function innerLoop(
  { model, parameters, inner, workspace }: EraseDiff,
  batches: readonly ForgetBatch[],
  { learningRate, state: given }: { learningRate: number; state?: OptimizerState },
): Promise<{ phi: TensorSet; innerLosses: number[] }> {
  const innerLosses: number[] = [];
  let phi = parameters;
  if (batches.length === 0) return { phi, innerLosses };
  const state = given ?? inner.freshState();
  for (const batch of batches) {
    const gradient = workspace.second;
    const target = await forgetTarget(model, phi, batch);
    innerLosses.push(await model.gradient(phi, batch, { target, into: gradient }));
    releaseTensor(target);
    await inner.step({ from: phi, to: workspace.first }, [{ weight: 1, gradient }], {
      state,
      learningRate,
    });
    phi = workspace.first;
  }
  return { phi, innerLosses };
}

async function meanLoss(
  model: TrainableModel,
  parameters: TensorSet,
  batches: readonly DenoisingBatch[],
  targets: readonly Tensor[],
): Promise<number> {
  let sum = 0;
  for (const [i, batch] of batches.entries()) {
    const target = targets[i];
    if (target) sum += await model.loss(parameters, batch, target);
  }
  return sum / batches.length;
}

/** The sum of the batches' gradients in `into`, the weight that makes it their mean, the mean loss. */
async function meanGradient(
  { model, parameters, accumulator, workspace }: EraseDiff,
  batches: readonly DenoisingBatch[],
  { targets, into }: { targets: readonly Tensor[]; into: TensorSet },
): Promise<{ loss: number; weight: number }> {
  let sum = 0;
  for (const [i, batch] of batches.entries()) {
    const target = targets[i];
    if (!target) continue;
    const gradient = i === 0 ? into : workspace.third;
    sum += await model.gradient(parameters, batch, { target, into: gradient });
    if (i === 0) continue;
    await accumulator.step({ from: into, to: into }, [{ weight: -1, gradient }], {
      state: accumulator.freshState(),
      learningRate: 1,
    });
  }
  return { loss: sum / batches.length, weight: 1 / batches.length };
}

/** What ε_θ is steered to on a forget batch: no gradient flows through it. */
async function forgetTarget(
  model: TrainableModel,
  parameters: TensorSet,
  batch: ForgetBatch,
): Promise<Tensor> {
  const { steerTo } = batch;
  return steerTo.kind === 'values'
    ? model.target(steerTo.values)
    : model.predict(parameters, { ...batch, ...steerTo });
}

/** The factor that brings a gradient of this norm to at most `clipNorm`; torch's clip_grad_norm_. */
function clipFactor(norm: number, clipNorm: number | null): number {
  return clipNorm === null ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
}

function describe(geometry: GradientGeometry) {
  const retainGradientNorm = Math.sqrt(geometry.retainSquare);
  const forgetGradientNorm = Math.sqrt(geometry.forgetSquare);
  const norms = retainGradientNorm * forgetGradientNorm;
  return {
    gap: geometry.gap,
    retainGradientNorm,
    forgetGradientNorm,
    cosine: norms === 0 ? 0 : geometry.product / norms,
  };
}
