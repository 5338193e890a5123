import type { EncodedPrompt } from '../families/encoded-prompt.ts';
import { takeElements } from '../runtime/read-back.ts';
import type { Tensor } from '../runtime/tensor.ts';
import type { TensorSet } from '../runtime/tensor-set.ts';
import { partOfTheWay } from './strength.ts';
import type { DenoisingBatch, TrainableModel } from './trainable-model.ts';
import type { AimedBatch } from './two-losses.ts';

/**
 * A batch of what must be forgotten. Its predictions are steered to those under other prompts
 * (`anchor`: N of them) or to given values (`values`: [N, C, h, w], for example U(0,1)).
 */
export interface SteeredBatch extends DenoisingBatch {
  readonly steerTo:
    | {
        readonly kind: 'anchor';
        readonly prompts: readonly EncodedPrompt[];
        /** x_t of other pictures, where the anchor is shown its own; else the batch's. */
        readonly noisyLatents?: Float32Array;
      }
    | { readonly kind: 'values'; readonly values: Float32Array };
  /** Rows of a concept that is gone: they are steered to their target, and not past it. Default: none are. */
  readonly isHeld?: readonly boolean[];
  /**
   * What the original predicts at the batch, [N, C, h, w]: from there a change of another strength than 1
   * goes its part of the way. Needed where there is one.
   */
  readonly original?: Float32Array;
}

/** Batches with what ε_θ is steered to on them now. */
export async function aim(
  model: TrainableModel,
  parameters: TensorSet,
  batches: readonly SteeredBatch[],
): Promise<AimedBatch[]> {
  const aimed: AimedBatch[] = [];
  for (const batch of batches) {
    aimed.push({ batch, target: await steeredTarget(model, parameters, batch) });
  }
  return aimed;
}

/** What ε_θ is steered to on a forget batch: no gradient flows through it. */
export async function steeredTarget(
  model: TrainableModel,
  parameters: TensorSet,
  batch: SteeredBatch,
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
