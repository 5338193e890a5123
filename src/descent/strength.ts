import type { Adaptation } from '../adapters/adapter.ts';
import { linearCombination } from '../diffusion/linear-combination.ts';
import { createGenerator, seedFor } from '../tensor/random.ts';
import type { DenoisingBatch } from './trainable-model.ts';

/** How often the change is trained as it is used by default; else anything of the range is drawn. */
const WHOLE_SHARE = 0.5;
/** At 0 there is no gradient; past 1 it is trained too, so that turning it up keeps what is kept. */
const DRAWN = { from: 0.1, to: 1.5 } as const;

/**
 * How many times the change counts in a batch that it is trained on: once in half of the batches, else as
 * often as drawn, so that it does at every strength what it is trained to do at that strength.
 *
 * @param place counts the batches of its role from the start of the run
 * @returns undefined where the adaptation has no strength
 */
export function drawnStrength(
  { strength }: Adaptation,
  { seed, role, place }: { readonly seed: number; readonly role: string; readonly place: number },
): number | undefined {
  if (strength === null) return undefined;
  const [chance = 0, share = 0] = createGenerator(seedFor(seed, 'strength', role, place)).uniform(
    2,
  );
  return chance < WHOLE_SHARE ? 1 : DRAWN.from + share * (DRAWN.to - DRAWN.from);
}

/** A batch with the strength that is drawn for it, where the adaptation has one: see `drawnStrength`. */
export function withStrength<B extends DenoisingBatch>(
  adaptation: Adaptation,
  batch: B,
  drawn: { readonly seed: number; readonly role: string; readonly place: number },
): B {
  const strength = drawnStrength(adaptation, drawn);
  return strength === undefined ? batch : { ...batch, strength };
}

/**
 * What a prediction is steered to where the change counts `strength` times: ε₀ + s(y − ε₀), so that half
 * of the change goes half of the way.
 *
 * @param original ε₀: float32 [N, C, h, w]
 * @param whole y, what it is steered to where the change counts once: float32 [N, C, h, w]
 */
export function partOfTheWay(
  original: Float32Array,
  whole: Float32Array,
  strength: number,
): Float32Array {
  return strength === 1 ? whole : linearCombination(strength, whole, 1 - strength, original);
}
