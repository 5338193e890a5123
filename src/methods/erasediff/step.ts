import { releaseTensor } from '../../runtime/tensor.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import { factorOf, type ForgetLoss } from './forget-loss.ts';
import { computeLambda, needsGap, type LambdaRule } from './lambda-rule.ts';
import type { Optimizer, OptimizerState } from '../../descent/optimizer.ts';
import type { OuterTools, StepReport } from '../../descent/outer-step.ts';
import { aim, type SteeredBatch, steeredTarget } from '../../descent/steering.ts';
import type { TargetedBatch, TrainableModel } from '../../descent/trainable-model.ts';
import { type AimedBatch, followLosses } from '../../descent/two-losses.ts';

export interface EraseDiffStepSettings {
  readonly rule: LambdaRule;
  /** Default: `squared`. */
  readonly forgetLoss?: ForgetLoss;
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
  readonly inner: readonly SteeredBatch[];
  readonly forget: readonly SteeredBatch[];
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
  const forget = await aim(model, parameters, batches.forget);
  const lossAtPhi = needsGap(settings.rule) ? await meanLoss(model, phi, forget) : null;
  // φ was read for the last time: its memory now takes ∇L_f.
  const step = await followLosses(
    run,
    { forget, retain: batches.retain },
    {
      ...settings,
      lossAtPhi,
      forgetFactor: (loss) => factorOf(settings.forgetLoss ?? 'squared', loss),
      lambda: (geometry) => computeLambda(settings.rule, geometry),
    },
  );
  return { innerLosses, ...step };
}

/** φ_K: K gradient steps on L_f from θ, which stays as it is. */
async function innerLoop(
  { model, parameters, inner, innerState, workspace }: EraseDiff,
  batches: readonly SteeredBatch[],
  { learningRate, state: given }: { learningRate: number; state?: OptimizerState },
): Promise<{ phi: TensorSet; innerLosses: number[] }> {
  const innerLosses: number[] = [];
  let phi = parameters;
  if (batches.length === 0) return { phi, innerLosses };
  const state = given ?? innerState;
  if (!given) inner.reset(state);
  for (const batch of batches) {
    const gradient = workspace.second;
    const target = await steeredTarget(model, phi, batch);
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
  batches: readonly AimedBatch[],
): Promise<number> {
  let sum = 0;
  for (const { batch, target } of batches) sum += await model.loss(parameters, batch, target);
  return sum / batches.length;
}
