import { z } from 'zod';

/**
 * How far the loss on kept prompts may rise above the original model's before the run counts as
 * destroying the model. Measured on fixed batches (same pictures, noise and timesteps), where a
 * healthy run moves by a few per cent.
 */
const collapseRatio = 1.5;
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
  const isGood = Number.isFinite(loss) && loss <= collapseRatio * baseline;
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
