import { releaseTensor, type Tensor } from '../runtime/tensor.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import {
  addGradients,
  type OuterStepSettings,
  type OuterTools,
  type StepReport,
  takeOuterStep,
  type WeighedGradient,
} from './outer-step.ts';
import type { DenoisingBatch, TargetedBatch } from './trainable-model.ts';

/** A batch and what its predictions are compared with, where that may be on the training device. */
export interface AimedBatch {
  readonly batch: DenoisingBatch;
  /** Released once its gradient is known. */
  readonly target: Tensor;
}

/** The batches of both losses; of one there may be none. The gradients of each loss's are averaged. */
export interface LossBatches {
  readonly forget: readonly AimedBatch[];
  readonly retain: readonly TargetedBatch[];
}

/** How far a step follows its two losses. */
export interface TwoLossSettings extends OuterStepSettings {
  /** What ∇L_r counts. Default: 1. */
  readonly retainWeight?: number;
  /** What both losses are multiplied with. Default: 1. */
  readonly scale?: number;
  /** What the gradient of a forget batch counts, by its mean squared error. Default: 1. */
  readonly forgetFactor?: (loss: number) => number;
  /** L_f(φ_K); null, the default, where no rule reads it. */
  readonly lossAtPhi?: number | null;
}

/**
 * One step along both losses: θ ← θ − lr·(w∇L_r + λ∇L_f), the sum clipped. ∇L_f is made in
 * `workspace.first`, ∇L_r in `second`.
 *
 * @throws RangeError where both have no batch
 */
export async function followLosses(
  run: OuterTools,
  batches: LossBatches,
  { retainWeight = 1, scale = 1, lossAtPhi = null, forgetFactor, ...settings }: TwoLossSettings,
): Promise<Omit<StepReport, 'innerLosses'>> {
  const { model, workspace } = run;
  const forget = await meanGradient(run, batches.forget, {
    ...{ scale, into: workspace.first, factorOf: forgetFactor },
  });
  const aimed = batches.retain.map((batch) => ({
    batch,
    target: model.target(batch.target, batch),
  }));
  const retain = await meanGradient(run, aimed, {
    ...{ scale: retainWeight * scale, into: workspace.second },
  });
  // A loss without batches has no gradient; the other's stands in for it with the weight 0.
  const [kept, gone] = [retain ?? without(forget), forget ?? without(retain)];
  const gap = lossAtPhi === null || !forget ? null : forget.loss - lossAtPhi;
  const step = await takeOuterStep(run, { retain: kept, forget: gone, gap }, settings);
  return { retainLoss: retain?.loss ?? null, forgetLoss: forget?.loss ?? null, ...step };
}

function without(other: WeighedGradient | null): WeighedGradient {
  if (!other) throw new RangeError('a step has no batch to follow');
  return { ...other, weight: 0 };
}

/** The mean gradient of batches, and the mean of their losses; null where there are none. */
async function meanGradient(
  run: OuterTools,
  batches: readonly AimedBatch[],
  {
    scale,
    into,
    factorOf,
  }: {
    readonly scale: number;
    readonly into: TensorSet;
    readonly factorOf?: ((loss: number) => number) | undefined;
  },
): Promise<(WeighedGradient & { readonly loss: number }) | null> {
  if (batches.length === 0) return null;
  const parts = batches.map((aimed) => ({ ...aimed, scale: scale / batches.length }));
  const { losses, ...mean } = await addGradients(run, parts, into, factorOf);
  for (const { target } of batches) releaseTensor(target);
  return { ...mean, loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
}
