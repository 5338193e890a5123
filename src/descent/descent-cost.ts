import { momentNames, type OptimizerSettings } from '../optim/update-rule.ts';

/** What of a method's settings its gradient descent depends on. */
export interface DescentSettings {
  readonly optimizer: OptimizerSettings;
  /** Gradients averaged into one step. */
  readonly accumulation: number;
  /** Whether what is kept is held to what the original predicts, or to the noise that was added. */
  readonly retainTarget: 'noise' | 'original';
  /** What forgotten prompts are steered to, where the method steers them; `original`: it predicts it. */
  readonly target?: { readonly kind: string };
}

/** Whether the original's predictions are needed in every step. */
export function asksOriginal({ retainTarget, target }: DescentSettings): boolean {
  return retainTarget === 'original' || target?.kind === 'original';
}

/**
 * Up to this size the original's parameters are kept beside θ. Larger ones are read again at each
 * step, which takes seconds of a step of many: a full model has no room for another copy.
 */
const maxKeptOriginalBytes = 2 ** 30;

/** Whether the original's trained parameters, of so many bytes, stay in memory beside θ. */
export function keepsOriginal(parameterBytes: number): boolean {
  return parameterBytes <= maxKeptOriginalBytes;
}

/** Names of the sets that a descent's state has besides θ: the optimizer's moments. */
export function descentStateSets({ optimizer }: DescentSettings): readonly string[] {
  return momentNames(optimizer);
}

/** Copies of what is trained that are in memory at once, θ among them. */
export function descentCopies(settings: DescentSettings, trainedBytes: number): number {
  return (
    // θ, ∇L_f (or φ), ∇L_r, and the gradient that the runtime is making.
    4 +
    (settings.accumulation > 1 ? 1 : 0) +
    descentStateSets(settings).length +
    (asksOriginal(settings) && keepsOriginal(trainedBytes) ? 1 : 0)
  );
}
