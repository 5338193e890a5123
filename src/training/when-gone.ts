import { z } from 'zod';

import { isGone, type Sighting } from './forgetting-check.ts';

/** What a check must gain over the best one before for the training to go on once the concept is gone. */
const smallestGain = 0.01;

export const endStateSchema = z.preprocess(
  upgradeThreshold,
  z.object({
    /** Of each concept: see `ForgettingCheck.thresholds`; none before they are known. */
    thresholds: z.array(z.number().nullable()),
    /** Places of the concepts that the last check found gone. */
    gone: z.array(z.number().int()),
    /** The best state so far. */
    best: z.object({ step: z.number().int(), score: z.number() }).nullable(),
  }),
);
export type EndState = z.infer<typeof endStateSchema>;

export const initialEndState: EndState = { thresholds: [], gone: [], best: null };

/** Runs of earlier versions forgot one concept each. */
function upgradeThreshold(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('threshold' in value)) return value;
  const { threshold, ...rest } = value;
  return { ...rest, thresholds: threshold === null ? [] : [threshold], gone: [] };
}

/** What was found at a check. */
export interface Finding {
  /** Steps done. */
  readonly step: number;
  /** Of each concept; null of one that cannot be told. Of one at least it can. */
  readonly sightings: readonly (Sighting | null)[];
  /** How far the loss on kept pictures is on its way from the original's to that of zeros: 0 to 1. */
  readonly rise: number;
}

/** Pictures that still show their concepts, of all that were judged. */
export function totalOf(sightings: Finding['sightings']): { shown: number; pictures: number } {
  const seen = sightings.filter((sighting) => sighting !== null);
  return {
    shown: seen.reduce((sum, { shown }) => sum + shown, 0),
    pictures: seen.reduce((sum, { pictures }) => sum + pictures, 0),
  };
}

/**
 * Weighs a state by forgotten and kept together: the share of pictures that still show the concept, the mean of
 * several, and how far the loss on kept ones has risen, both 0 where all is well.
 *
 * @returns whether it is the best so far, and whether training is over: all concepts are gone, and what was
 *   done since the best state before has made little or nothing better
 */
export function weigh(
  state: EndState,
  { step, sightings, rise }: Finding,
): { readonly state: EndState; readonly isBest: boolean; readonly isOver: boolean } {
  const seen = sightings.filter((sighting) => sighting !== null);
  const shares = seen.map(({ shown, pictures }) => shown / pictures);
  const share = shares.reduce((sum, value) => sum + value, 0) / shares.length;
  const score = share + Math.max(0, rise);
  const isBest = state.best === null || score < state.best.score;
  const gone = sightings.flatMap((sighting, i) => (sighting && isGone(sighting) ? [i] : []));
  const gain = state.best === null ? Infinity : state.best.score - score;
  return {
    state: { ...state, gone, ...(isBest && { best: { step, score } }) },
    isBest,
    isOver: gone.length === sightings.length && gain < smallestGain,
  };
}
