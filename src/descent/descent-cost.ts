import { type AdapterSettings, hasStrength } from '../adapters/settings.ts';
import { momentNames, type OptimizerSettings } from '../optim/update-rule.ts';

/** What of a method's settings its gradient descent depends on. */
export interface DescentSettings {
  readonly adapter: AdapterSettings;
  readonly optimizer: OptimizerSettings;
  /** Gradients averaged into one step. */
  readonly accumulation: number;
  /** Whether what is kept is held to what the original predicts, or to the noise that was added. */
  readonly retainTarget: 'noise' | 'original';
  /** The share of weights that change; null, the default: all. */
  readonly saliency?: number | null;
  /** What of the mean of all θ is kept at each step; null, the default: the result is the last θ. */
  readonly ema?: number | null;
  /** What forgotten prompts are steered to, where the method steers them; `original`: it predicts it. */
  readonly target?: { readonly kind: string };
  /** How long pictures are pushed away, where they are; `known`: the original tells how long that is. */
  readonly push?: 'known' | 'always';
}

/**
 * Whether the original's predictions are needed in every step: as what is kept, as what is steered to, to
 * tell what is known, or because a change of strength s goes s of the way from them.
 */
export function asksOriginal({ adapter, retainTarget, target, push }: DescentSettings): boolean {
  if (retainTarget === 'original' || target?.kind === 'original' || push === 'known') return true;
  return target !== undefined && hasStrength(adapter);
}

/**
 * Up to this size the original's parameters are kept beside θ. Larger ones are read again at each
 * step, which takes seconds of a step of many: a full model has no room for another copy.
 */
const maxKeptOriginalBytes = 2 ** 30;

/** Whether another set of parameters, of so many bytes, may stay in memory beside θ. */
export function fitsBesideTrained(parameterBytes: number): boolean {
  return parameterBytes <= maxKeptOriginalBytes;
}

/**
 * Whether the original's trained parameters, of so many bytes, stay in memory. A change with a strength
 * needs none: θ is the original at strength 0.
 */
export function keepsOriginal(adapter: AdapterSettings, parameterBytes: number): boolean {
  return !hasStrength(adapter) && fitsBesideTrained(parameterBytes);
}

/** The name of the mask among the sets of a descent's state. */
export const maskName = 'saliency';
/** The name of the mean of θ there. */
export const averageName = 'average';

/** Names of the sets that a descent's state has besides θ: the optimizer's moments, mask and mean where there are. */
export function descentStateSets({
  optimizer,
  saliency = null,
  ema = null,
}: Pick<DescentSettings, 'optimizer' | 'saliency' | 'ema'>): readonly string[] {
  return [
    ...momentNames(optimizer),
    ...(saliency === null ? [] : [maskName]),
    ...(ema === null ? [] : [averageName]),
  ];
}

/** Copies of what is trained that are in memory at once, θ among them. */
export function descentCopies(settings: DescentSettings, trainedBytes: number): number {
  return (
    // θ, ∇L_f (or φ), ∇L_r, and the gradient that the runtime is making.
    4 +
    (settings.accumulation > 1 ? 1 : 0) +
    descentStateSets(settings).length +
    (asksOriginal(settings) && keepsOriginal(settings.adapter, trainedBytes) ? 1 : 0)
  );
}

/** Batches of what is forgotten that tell where its gradient is large, at most. */
const mostForgottenBatches = 64;

/** How many batches a look at all pictures to forget takes. */
export function forgottenBatches(pictures: number, batch: number): number {
  return Math.min(mostForgottenBatches, Math.ceil(pictures / batch));
}

/** The work of making the mask of a run, before its first step; 0 where it has none. */
export function maskWork(
  { saliency, batch }: { readonly saliency: number | null; readonly batch: number },
  { pictures, gradient }: { readonly pictures: number; readonly gradient: number },
): number {
  return saliency === null ? 0 : gradient * forgottenBatches(pictures, batch);
}
