import type { EraseSettings } from '../methods/registry.ts';

/**
 * A picture of a full-size model takes as long as a hundred small ones, and 18 of them with both models already
 * as long as the sets: half as many are compared.
 */
const isLarge = ({ width, height }: EraseSettings) => width * height > 128 * 128;

/** Prompts of each role, of the job's own, that are drawn and judged. */
export const ownPromptCount = (settings: EraseSettings) => (isLarge(settings) ? 4 : 8);

/**
 * Prompts of each question beside the job's own: few, as each is drawn and judged as theirs are. All of them
 * together are 20 at most, beside 16 of the job's own: they about double the time of measuring.
 */
export function probeCounts(settings: EraseSettings) {
  const count = isLarge(settings) ? 2 : 4;
  return { neighbour: count, far: count, heldBack: count, withNegative: count / 2 };
}

/** Whether anything is drawn beside the job's own prompts. */
export function isProbed({ evaluationPictures, measured }: EraseSettings): boolean {
  return evaluationPictures > 0 && measured === 'more';
}

/** Without guidance a negative prompt changes nothing. */
export const isGuided = ({ drawCfg }: EraseSettings) => drawCfg !== 1;

/** With a negative prompt of the person's own all is drawn beside one. */
const negativeCount = ({ negative }: EraseSettings) => (negative === '' ? 2 : 1);

/** The most prompts that are drawn beside the job's own, by what is known before the model is read. */
export function mostProbes(settings: EraseSettings): number {
  if (!isProbed(settings)) return 0;
  const { neighbour, far, heldBack, withNegative } = probeCounts(settings);
  const negatives = isGuided(settings) ? 2 * withNegative * negativeCount(settings) : 0;
  return neighbour + far + heldBack + negatives;
}
