import { imageDistance } from '../images/image-distance.ts';
import type { PixelImage } from '../images/pixels.ts';

/**
 * Measured on three kept pictures of tiny-sd while a style was erased. In a run that ended well
 * (learning rate 3e-4) contrast and distance stayed above .96 and .93 of the original's and at most
 * .05 of the values was clipped; in a bad one whose pictures could still be told apart (3e-3) .68,
 * .51 and .09. In one that destroyed the model (1e-2) .50 of the values was clipped after two steps
 * and more later, and the distance fell to .19 after four and .01 after ten. A model that predicts
 * NaN draws black: contrast and distance 0.
 */
const smallestShare = 0.25;
/** Of the values that were not clipped before. */
const largestClippedShare = 0.3;

/**
 * Whether a model has lost what it draws: its pictures became flat, all alike, or nothing but the
 * brightest and the darkest colours.
 *
 * @param before what the original drew of kept prompts; without any nothing can be told
 * @param now the same prompts from the same noise, in the same order
 */
export function areRuined(before: readonly PixelImage[], now: readonly PixelImage[]): boolean {
  const hasFallen = (measure: (images: readonly PixelImage[]) => number) =>
    measure(now) < smallestShare * measure(before);
  const clipped = clippedShare(before);
  return (
    hasFallen(contrastOf) ||
    hasFallen(mutualDistance) ||
    clippedShare(now) > clipped + largestClippedShare * (1 - clipped)
  );
}

/** Mean standard deviation of a picture's values. */
function contrastOf(images: readonly PixelImage[]): number {
  return mean(
    images.map(({ data }) => {
      const centre = mean(data);
      return Math.sqrt(data.reduce((sum, value) => sum + (value - centre) ** 2, 0) / data.length);
    }),
  );
}

/** Share of values that are as bright or as dark as a file can hold, or were beyond that. */
function clippedShare(images: readonly PixelImage[]): number {
  return mean(
    images.map(({ data }) => data.filter((value) => Math.abs(value) >= 1).length / data.length),
  );
}

/** Mean distance of two of the pictures; 0 of one. */
function mutualDistance(images: readonly PixelImage[]): number {
  const pairs = images.flatMap((first, i) =>
    images.slice(i + 1).map((second) => imageDistance(first, second)),
  );
  return pairs.length === 0 ? 0 : mean(pairs);
}

function mean(values: Iterable<number>): number {
  let [sum, count] = [0, 0];
  for (const value of values) {
    sum += value;
    count += 1;
  }
  return sum / count;
}
