import type { Optimizer, OptimizerState } from '../../descent/optimizer.ts';
import type { DenoisingBatch, TrainableModel } from '../../descent/trainable-model.ts';
import { guide } from '../../diffusion/guidance.ts';
import { releaseTensor } from '../../runtime/tensor.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';

/** What lives from one step to the next, and the tools that change it. */
export interface EsdTools {
  readonly model: TrainableModel;
  /** θ */
  readonly parameters: TensorSet;
  readonly optimizer: Optimizer;
  readonly state: OptimizerState;
  /** Takes the gradient. */
  readonly gradient: TensorSet;
}

/** What the original predicts at a batch: float32 [N, C, h, w] each. */
export interface OriginalPredictions {
  /** ε₀(x_t, c) */
  readonly conditional: Float32Array;
  /** ε₀(x_t) */
  readonly unconditional: Float32Array;
}

/**
 * What ε_θ(x_t, c) is steered to: ε₀(x_t) − η(ε₀(x_t, c) − ε₀(x_t)) (Eq. 7, arXiv 2303.07345), guidance
 * with the scale −η.
 */
export function esdTarget(
  { conditional, unconditional }: OriginalPredictions,
  negativeGuidance: number,
): Float32Array {
  return guide(unconditional, conditional, -negativeGuidance);
}

/**
 * One step of ESD: θ follows the gradient of the mean squared error of ε_θ(x_t, c) to its target.
 *
 * @returns the error before the step
 */
export async function esdStep(
  { model, parameters, optimizer, state, gradient }: EsdTools,
  batch: DenoisingBatch,
  { target, learningRate }: { readonly target: Float32Array; readonly learningRate: number },
): Promise<number> {
  const tensor = model.target(target);
  const loss = await model.gradient(parameters, batch, { target: tensor, into: gradient });
  releaseTensor(tensor);
  await optimizer.step({ from: parameters, to: parameters }, [{ weight: 1, gradient }], {
    state,
    learningRate,
  });
  return loss;
}
