import { z } from 'zod';

/**
 * How far the loss on kept prompts may rise from the original model's towards 1, the loss of a model
 * that predicts zeros where noise (or v) of variance 1 was asked for, before the run counts as
 * destroying the model. Measured on fixed batches (same pictures, noise and timesteps). On tiny-sd
 * runs that ended well rose by up to .07 in their first steps.
 */
const collapseShare = 0.25;
/**
 * It may always rise by so much: where the original itself predicts these pictures about as badly as
 * zeros, as pictures that were drawn in too few steps (1.08 on tiny-sd), nothing is left of the way.
 */
const smallestRise = 0.1;
/** A run is stopped at the second bad check in a row: one may pass. */
const badChecksToStop = 2;

export const guardStateSchema = z.object({
  /** Loss of the original model on the validation batches; null before the first check. */
  baseline: z.number().nullable(),
  badChecks: z.number().int().min(0),
});
export type GuardState = z.infer<typeof guardStateSchema>;

export const initialGuardState: GuardState = { baseline: null, badChecks: 0 };

export type Verdict = 'healthy' | 'suspicious' | 'collapsed';

/**
 * Judges a run by its loss on the validation batches.
 * @returns the verdict and the state to remember
 */
export function judge(state: GuardState, loss: number): { verdict: Verdict; state: GuardState } {
  const baseline = state.baseline ?? loss;
  const isGood =
    Number.isFinite(loss) &&
    loss <= baseline + Math.max(smallestRise, collapseShare * (1 - baseline));
  if (isGood) {
    return { verdict: 'healthy', state: { baseline, badChecks: 0 } };
  }
  const badChecks = state.badChecks + 1;
  const isOver = badChecks >= badChecksToStop || !Number.isFinite(loss);
  return {
    verdict: isOver ? 'collapsed' : 'suspicious',
    state: { ...state, baseline, badChecks },
  };
}

/**
 * How far a loss is on its way from the original's to 1, the loss of zeros.
 *
 * @returns 0 where the original itself is no better than zeros
 */
export function riseOf({ baseline }: GuardState, loss: number): number {
  return baseline === null || baseline >= 1 ? 0 : (loss - baseline) / (1 - baseline);
}
