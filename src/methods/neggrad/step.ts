import { ascentAtNorm, entriesOf } from '../../descent/ascent.ts';
import type { OuterTools, StepReport } from '../../descent/outer-step.ts';
import type { TargetedBatch } from '../../descent/trainable-model.ts';
import { followLosses } from '../../descent/two-losses.ts';
import { elementAt } from '../../element-at.ts';

/** How far a step of NegGrad goes up, and how much it keeps. */
export interface NegGradStepSettings {
  readonly learningRate: number;
  /** Largest norm of the gradient that is followed; null for no clipping. */
  readonly clipNorm: number | null;
  /** s: see `ascentAtNorm`. */
  readonly forgetNorm: number;
  /** w */
  readonly retainWeight: number;
}

/**
 * One step of NegGrad: θ ← θ − lr·(w∇L_r − s·∇L_f/|∇L_f|), the sum clipped, for the denoising losses of
 * pictures to keep and to forget, sums over a picture's entries. With w = 0 it is gradient ascent alone
 * (`simple_neg_del` in the code of arXiv 2503.01034), with w = 1 what that paper calls SISS without
 * importance sampling.
 *
 * The report's losses are means over entries; its λ is s/|∇L_f|, the weight of what is subtracted.
 *
 * @param retain none where w is 0
 */
export async function negGradStep(
  run: OuterTools,
  { forget, retain }: Readonly<Record<'forget' | 'retain', readonly TargetedBatch[]>>,
  { forgetNorm, ...settings }: NegGradStepSettings,
): Promise<Omit<StepReport, 'innerLosses'>> {
  const entries = entriesOf(elementAt(forget, 0));
  const step = await followLosses(
    run,
    {
      forget: forget.map((batch) => ({ batch, target: run.model.target(batch.target, batch) })),
      retain,
    },
    { ...settings, scale: entries, lambda: ascentAtNorm(forgetNorm, entries) },
  );
  return { ...step, lambda: Math.abs(step.lambda) };
}
