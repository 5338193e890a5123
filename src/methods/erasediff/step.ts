import { elementAt } from '../../element-at.ts';
import type { EncodedPrompt } from '../../families/encoded-prompt.ts';
import { takeElements } from '../../runtime/read-back.ts';
import { releaseTensor, type Tensor } from '../../runtime/tensor.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import { computeLambda, needsGap, type LambdaRule } from './lambda-rule.ts';
import type { Optimizer, OptimizerState } from '../../descent/optimizer.ts';
import type { OuterTools, StepReport } from '../../descent/outer-step.ts';
import { partOfTheWay } from '../../descent/strength.ts';
import { followLosses } from '../../descent/two-losses.ts';
import type {
  DenoisingBatch,
  TargetedBatch,
  TrainableModel,
} from '../../descent/trainable-model.ts';

/**
 * A batch of what must be forgotten. Its predictions are steered to those under other prompts
 * (`anchor`: N of them) or to given values (`values`: [N, C, h, w], for example U(0,1)).
 */
export interface ForgetBatch extends DenoisingBatch {
  readonly steerTo:
    | {
        readonly kind: 'anchor';
        readonly prompts: readonly EncodedPrompt[];
        /** x_t of other pictures, where the anchor is shown its own; else the batch's. */
        readonly noisyLatents?: Float32Array;
      }
    | { readonly kind: 'values'; readonly values: Float32Array };
  /**
   * What the original predicts at the batch, [N, C, h, w]: from there a change of another strength than 1
   * goes its part of the way. Needed where there is one.
   */
  readonly original?: Float32Array;
}

export interface EraseDiffStepSettings {
  readonly rule: LambdaRule;
  readonly innerLearningRate: number;
  readonly learningRate: number;
  /** Largest norm of the outer gradient; null for no clipping. */
  readonly clipNorm: number | null;
}

/**
 * The inner loop too: φ is in `workspace.first` until ∇L_f takes its place, the gradients of the
 * inner steps are in `second`.
 */
export interface EraseDiff extends OuterTools {
  readonly inner: Optimizer;
  /** Memory of the inner optimizer's moments, which start afresh with every outer step. */
  readonly innerState: OptimizerState;
}

/**
 * The batches of one outer step: K for the inner loop, then equally many of each kind, whose
 * gradients are averaged.
 */
export interface StepBatches {
  readonly inner: readonly ForgetBatch[];
  readonly forget: readonly ForgetBatch[];
  readonly retain: readonly TargetedBatch[];
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
  settings: EraseDiffStepSettings,
  innerState?: OptimizerState,
): Promise<StepReport> {
  const { model, parameters } = run;
  const { phi, innerLosses } = await innerLoop(run, batches.inner, {
    learningRate: settings.innerLearningRate,
    ...(innerState && { state: innerState }),
  });
  const targets: Tensor[] = [];
  for (const batch of batches.forget) targets.push(await forgetTarget(model, parameters, batch));
  const lossAtPhi = needsGap(settings.rule)
    ? await meanLoss(model, phi, batches.forget, targets)
    : null;
  // φ was read for the last time: its memory now takes ∇L_f.
  const step = await followLosses(
    run,
    {
      forget: batches.forget.map((batch, i) => ({ batch, target: elementAt(targets, i) })),
      retain: batches.retain,
    },
    { ...settings, lossAtPhi, lambda: (geometry) => computeLambda(settings.rule, geometry) },
  );
  return { innerLosses, ...step };
}

/** φ_K: K gradient steps on L_f from θ, which stays as it is. */
async function innerLoop(
  { model, parameters, inner, innerState, workspace }: EraseDiff,
  batches: readonly ForgetBatch[],
  { learningRate, state: given }: { learningRate: number; state?: OptimizerState },
): Promise<{ phi: TensorSet; innerLosses: number[] }> {
  const innerLosses: number[] = [];
  let phi = parameters;
  if (batches.length === 0) return { phi, innerLosses };
  const state = given ?? innerState;
  if (!given) inner.reset(state);
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
    sum += await model.loss(parameters, batch, elementAt(targets, i));
  }
  return sum / batches.length;
}

/** What ε_θ is steered to on a forget batch: no gradient flows through it. */
async function forgetTarget(
  model: TrainableModel,
  parameters: TensorSet,
  batch: ForgetBatch,
): Promise<Tensor> {
  const { steerTo, original, strength = 1 } = batch;
  const isPart = original !== undefined && strength !== 1;
  if (steerTo.kind === 'values') {
    const { values } = steerTo;
    return model.target(isPart ? partOfTheWay(original, values, strength) : values, batch);
  }
  const own = await model.predict(parameters, { ...batch, ...steerTo });
  if (!isPart) return own;
  return model.target(partOfTheWay(original, await takeElements(own), strength), batch);
}
