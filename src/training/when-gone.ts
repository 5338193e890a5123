import { z } from 'zod';

import { mostFalse, type Sighting } from './forgetting-check.ts';

/** What a check must gain over the best one before for the training to go on once the concept is gone. */
const smallestGain = 0.01;

export const endStateSchema = z.object({
  /** See `ForgettingCheck.threshold`; null before it is known, too. */
  threshold: z.number().nullable(),
  /** The best state so far. */
  best: z.object({ step: z.number().int(), score: z.number() }).nullable(),
});
export type EndState = z.infer<typeof endStateSchema>;

export const initialEndState: EndState = { threshold: null, best: null };

/** What was found at a check. */
export interface Finding {
  /** Steps done. */
  readonly step: number;
  readonly sighting: Sighting;
  /** How far the loss on kept pictures is on its way from the original's to that of zeros: 0 to 1. */
  readonly rise: number;
}

/**
 * Weighs a state by forgotten and kept together: the share of pictures that still show the concept and
 * how far the loss on kept ones has risen, both 0 where all is well.
 *
 * @returns whether it is the best so far, and whether training is over: the concept is gone, and what was
 *   done since the best state before has made little or nothing better
 */
export function weigh(
  state: EndState,
  { step, sighting, rise }: Finding,
): { readonly state: EndState; readonly isBest: boolean; readonly isOver: boolean } {
  const { shown, pictures, isWhole } = sighting;
  const score = shown / pictures + Math.max(0, rise);
  const isBest = state.best === null || score < state.best.score;
  const isGone = isWhole && shown <= mostFalse(pictures);
  const gain = state.best === null ? Infinity : state.best.score - score;
  return {
    state: isBest ? { ...state, best: { step, score } } : state,
    isBest,
    isOver: isGone && gain < smallestGain,
  };
}
