import { elementAt } from '../element-at.ts';
import type { Framing, PictureSize } from './picture-size.ts';

/**
 * Shapes that pictures are trained in: sides in steps, about as large in area as what is drawn and never
 * larger, so that no shape takes more memory than another (aspect-ratio bucketing; NovelAI 2022, and so in
 * kohya's trainers).
 */

/** Of the sides, in pixels; of pictures up to 512 pixels an eighth of a side. */
const LARGEST_STEP = 64;
/** A VAE of Stable Diffusion halves a picture's sides three times at most. */
const SMALLEST_STEP = 8;
const STEPS_OF_A_SIDE = 8;
/** The longer side is at most so many times a square's, and the shorter one as small a part of it. */
const STRETCH = 2;

/** More shapes would each be compiled for few steps. */
export const MOST_SHAPES = 4;
/** Two shapes are one where pictures lose no more than this share by it. */
const BEARABLE_LOSS = 0.1;

/**
 * All shapes for pictures, that of what is drawn first.
 *
 * @param drawn in pixels, multiples of 8
 */
export function bucketsFor(drawn: PictureSize): PictureSize[] {
  const area = drawn.width * drawn.height;
  const side = Math.sqrt(area);
  const wanted = Math.floor(side / STEPS_OF_A_SIDE / SMALLEST_STEP) * SMALLEST_STEP;
  const step = Math.min(LARGEST_STEP, Math.max(SMALLEST_STEP, wanted));
  const buckets = [drawn];
  const add = (width: number, height: number) => {
    const isKnown = buckets.some((one) => one.width === width && one.height === height);
    if (!isKnown) buckets.push({ width, height });
  };
  for (let one = step * Math.ceil(side / STRETCH / step); one <= STRETCH * side; one += step) {
    const other = step * Math.floor(area / one / step);
    if (other === 0) continue;
    add(one, other);
    add(other, one);
  }
  return buckets;
}

/** The share of a picture that is cut off where it is scaled to cover a shape: 0 to below 1. */
export function lossIn(bucket: PictureSize, { width, height }: PictureSize): number {
  const ratio = (width * bucket.height) / (height * bucket.width);
  return 1 - Math.min(ratio, 1 / ratio);
}

/** Of several shapes the one that a picture loses least in; of equal ones the largest, then the first. */
export function bucketOf(picture: PictureSize, buckets: readonly PictureSize[]): PictureSize {
  const area = ({ width, height }: PictureSize) => width * height;
  const best = buckets.reduce(
    (nearest, bucket) => {
      const gain = lossIn(nearest, picture) - lossIn(bucket, picture);
      return gain > 0 || (gain === 0 && area(bucket) > area(nearest)) ? bucket : nearest;
    },
    elementAt(buckets, 0),
  );
  return best;
}

/**
 * The few shapes that the pictures of sets are trained in: those that they lose least in. Where there are
 * more than `MOST_SHAPES`, and while pictures lose next to nothing by it, the shape goes that is missed
 * least, each set counting as much as another.
 *
 * @param sets sizes of pictures, upright
 */
export function chooseBuckets(
  sets: readonly (readonly PictureSize[])[],
  all: readonly PictureSize[],
): PictureSize[] {
  let chosen = all.filter((bucket) =>
    sets.some((set) => set.some((picture) => bucketOf(picture, all) === bucket)),
  );
  while (chosen.length > 1) {
    const options = chosen.map((bucket) => without(bucket, chosen, sets));
    const best = options.reduce((a, b) => (b.cost < a.cost ? b : a));
    if (chosen.length <= MOST_SHAPES && best.worst > BEARABLE_LOSS) break;
    chosen = best.left;
  }
  return chosen;
}

/** What pictures lose where a shape goes. */
function without(
  bucket: PictureSize,
  chosen: readonly PictureSize[],
  sets: readonly (readonly PictureSize[])[],
) {
  const left = chosen.filter((other) => other !== bucket);
  let cost = 0;
  let worst = 0;
  for (const set of sets) {
    for (const picture of set) {
      if (bucketOf(picture, chosen) !== bucket) continue;
      const loss = lossIn(bucketOf(picture, left), picture);
      cost += (loss - lossIn(bucket, picture)) / set.length;
      worst = Math.max(worst, loss);
    }
  }
  return { left, cost, worst };
}

/** How a picture becomes one of a shape: scaled to cover it, and what sticks out cut off evenly. */
export function frameIn(bucket: PictureSize, original: PictureSize): Framing {
  const scale = Math.max(bucket.width / original.width, bucket.height / original.height);
  const cut = (length: number, wanted: number) =>
    Math.max(0, Math.floor((Math.round(length * scale) - wanted) / 2));
  return {
    original,
    top: cut(original.height, bucket.height),
    left: cut(original.width, bucket.width),
  };
}
