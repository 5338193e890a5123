import { ascentAtNorm, entriesOf } from '../../descent/ascent.ts';
import { elementAt } from '../../element-at.ts';
import { takeElements } from '../../runtime/read-back.ts';
import { releaseTensor } from '../../runtime/tensor.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import {
  addGradients,
  type GradientPart,
  type OuterTools,
  type StepReport,
  takeOuterStep,
  type WeighedGradient,
} from '../../descent/outer-step.ts';
import type { DenoisingBatch } from '../../descent/trainable-model.ts';

/** What a batch's predictions are compared with, for one of the two losses. */
export interface WeighedTarget {
  /** The noise (or v) that leads from this source's picture to the noisy latent: [N, C, h, w] */
  readonly target: Float32Array;
  /** Importance weight of each row: N */
  readonly weights: readonly number[];
}

/** Noisy latents of the mixture of pictures to keep and pictures to forget, and both targets. */
export interface MixtureBatch extends DenoisingBatch {
  readonly retain: WeighedTarget;
  readonly forget: WeighedTarget;
}

export interface SissStepSettings {
  readonly learningRate: number;
  /** Largest norm of the gradient that is followed; null for no clipping. */
  readonly clipNorm: number | null;
  /** The norm that ∇L_a is brought to, up or down, as `ascentAtNorm` does. */
  readonly forgetNorm: number;
  /** From this forget loss on, as the report has it, nothing is pushed away; Infinity for no end. */
  readonly unknownLoss: number;
}

/** A weight this small moves nothing that float32 holds. */
const NO_WEIGHT = 1e-7;

/**
 * One step of SISS (Alberti et al., arXiv 2503.01034), which forgets given pictures a and keeps
 * others x: θ ← θ − lr·(∇L_x − s·∇L_a/|∇L_a|), the sum clipped. L_x and L_a are the denoising losses
 * of both, summed over a picture's entries, averaged over the rows, and estimated on the same noisy
 * latents, those of a mixture, by importance weights.
 *
 * The report's losses are means over entries; its λ is s/|∇L_a|, the weight of what is subtracted.
 *
 * @param batches of as many rows, and pictures of about one area; the gradients of all are averaged
 */
export async function sissStep(
  run: OuterTools,
  batches: readonly MixtureBatch[],
  settings: SissStepSettings,
): Promise<StepReport> {
  const predictions = await predictWhereNeeded(run, batches);
  const { first, second } = run.workspace;
  const forget = await sideGradient(run, batches, { side: 'forget', predictions, into: first });
  const retain = await sideGradient(run, batches, { side: 'retain', predictions, into: second });
  const step = await takeOuterStep(
    run,
    {
      // A side without a row has no gradient; the other's stands in for it with the weight 0.
      retain: retain.weight === 0 ? { ...forget, weight: 0 } : retain,
      forget: forget.weight === 0 ? { ...retain, weight: 0 } : forget,
      gap: null,
    },
    {
      ...settings,
      lambda:
        forget.loss < settings.unknownLoss
          ? ascentAtNorm(settings.forgetNorm, entriesOf(elementAt(batches, 0)))
          : () => 0,
    },
  );
  const lambda = Math.abs(step.lambda);
  return { retainLoss: retain.loss, forgetLoss: forget.loss, innerLosses: [], ...step, lambda };
}

type Side = 'retain' | 'forget';

/** ε_θ on the host of the batches that need it: where the rows' weights are not all the same. */
async function predictWhereNeeded(
  { model, parameters }: OuterTools,
  batches: readonly MixtureBatch[],
): Promise<ReadonlyMap<MixtureBatch, Float32Array>> {
  const predictions = new Map<MixtureBatch, Float32Array>();
  for (const batch of batches) {
    if (commonWeight(batch.retain) !== null && commonWeight(batch.forget) !== null) continue;
    predictions.set(batch, await takeElements(await model.predict(parameters, batch)));
  }
  return predictions;
}

/** One batch's summand of a side's gradient. */
interface SidePart extends GradientPart {
  /** The weight of all rows; null where the target holds their weights. */
  readonly weight: number | null;
  /** The mean of w(ε_θ − y)² where the target holds the weights. */
  readonly weighedLoss: number;
}

/** The gradient of a side's loss, and the loss as a mean over entries. */
async function sideGradient(
  run: OuterTools,
  batches: readonly MixtureBatch[],
  {
    side,
    predictions,
    into,
  }: { side: Side; predictions: ReadonlyMap<MixtureBatch, Float32Array>; into: TensorSet },
): Promise<WeighedGradient & { loss: number }> {
  const parts = batches
    .filter((batch) => countsFor(side, batch))
    .map((batch): SidePart => {
      const { target, weights } = batch[side];
      // The gradient of a mean over entries, times their number, is that of a sum.
      const scale = entriesOf(batch) / batches.length;
      const weight = commonWeight(batch[side]);
      const prediction = predictions.get(batch);
      if (weight !== null || !prediction) {
        const common = weight ?? 0;
        const part = { batch, target: run.model.target(target, batch), scale: common * scale };
        return { ...part, weight: common, weighedLoss: 0 };
      }
      const { weighed, loss } = weighTarget(prediction, { target, weights });
      const part = { batch, target: run.model.target(weighed, batch), scale };
      return { ...part, weight: null, weighedLoss: loss };
    });
  const { losses, ...gradient } = await addGradients(run, parts, into);
  let sum = 0;
  for (const [i, { target, weight, weighedLoss }] of parts.entries()) {
    releaseTensor(target);
    sum += weight === null ? weighedLoss : weight * (losses[i] ?? 0);
  }
  return { ...gradient, loss: sum / batches.length };
}

/**
 * What `sissStep` would report as the forget loss if these were the predictions.
 *
 * @param predictions of each batch, float32 [N, C, h, w]; left out where no row is of a picture to forget
 */
export function forgetLossOf(
  batches: readonly MixtureBatch[],
  predictions: ReadonlyMap<MixtureBatch, Float32Array>,
): number {
  let sum = 0;
  for (const [{ forget }, prediction] of predictions) sum += weighTarget(prediction, forget).loss;
  return sum / batches.length;
}

/** Whether any row of a batch counts on a side. */
export function countsFor(side: Side, batch: MixtureBatch): boolean {
  return batch[side].weights.some((weight) => weight >= NO_WEIGHT);
}

/** The weight of all rows; null where they differ. */
function commonWeight({ weights }: WeighedTarget): number | null {
  const [first = 0] = weights;
  return weights.every((weight) => Math.abs(weight - first) < NO_WEIGHT) ? first : null;
}

/**
 * The target y' = ε_θ − w(ε_θ − y), row by row: the gradient of the mean of (ε_θ − y')² is that of
 * the mean of w(ε_θ − y)² for weights w that do not depend on θ. With that mean.
 */
function weighTarget(
  prediction: Float32Array,
  { target, weights }: WeighedTarget,
): { weighed: Float32Array; loss: number } {
  const entries = prediction.length / weights.length;
  let sum = 0;
  const weighed = prediction.map((value, i) => {
    const weight = weights[Math.floor(i / entries)] ?? 0;
    const error = value - (target[i] ?? 0);
    sum += weight * error ** 2;
    return value - weight * error;
  });
  return { weighed, loss: sum / prediction.length };
}
