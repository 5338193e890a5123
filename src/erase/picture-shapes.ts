import * as z from 'zod';

import { type Drawing, describeSize } from '../drawing/drawing.ts';
import type { Role } from '../evaluation/figure.ts';
import { bucketOf, bucketsFor, chooseBuckets, lossIn } from '../images/buckets.ts';
import type { PictureSize } from '../images/picture-size.ts';

/** A shape that a job trains in, in pixels, and how many pictures of each set it has. */
export const pictureShapeSchema = z.object({
  width: z.int().min(8),
  height: z.int().min(8),
  forget: z.int().min(0),
  retain: z.int().min(0),
});
export type PictureShape = z.infer<typeof pictureShapeSchema>;

/** Sizes of the given pictures of each set, upright; null where the model draws them. */
export type GivenSizes = Readonly<Record<Role, readonly PictureSize[] | null>>;

/** How a job draws, and the side of the squares that its model was made for; in pixels. */
type DrawnShape = Pick<Drawing, 'width' | 'height'> & { readonly nativeSize: number };

/** What is drawn for training may be so much wider or narrower than what people draw. */
const NEAR_PROPORTIONS = 0.15;

/**
 * The shape of pictures that a model draws for its training: as they are drawn, or, where that is larger than
 * what the model was made for, the largest of about these proportions that is not. Emoji-sd, made for 64 pixels
 * and drawn at 96 × 64, keeps .93 of its style if it was trained at 72 × 56, .82 at 80 × 48 and .78 at 96 × 64
 * (of .97), and forgets as much.
 */
function trainedShape({ width, height, nativeSize }: DrawnShape): PictureSize {
  const drawn = { width, height };
  if (width * height <= nativeSize ** 2) return drawn;
  const buckets = bucketsFor({ width: nativeSize, height: nativeSize });
  const [largest] = buckets
    .filter((bucket) => lossIn(bucket, drawn) <= NEAR_PROPORTIONS)
    .sort((a, b) => b.width * b.height - a.width * a.height);
  return largest ?? bucketOf(drawn, buckets);
}

/**
 * The shapes that a job trains in, the most frequent first: those of given pictures as a whole, which
 * pictures that the model draws beside them take as often; else the one of drawn pictures.
 *
 * @param drawn how many pictures the model draws for a set that none are given for
 * @returns none where all have the shape of what is drawn, and where no pictures are trained on
 */
export function planShapes(
  given: GivenSizes,
  drawn: Readonly<Record<Role, number>>,
  drawing: DrawnShape,
): PictureShape[] {
  const { width, height } = drawing;
  const usual = trainedShape(drawing);
  const sets = [given.forget, given.retain].filter((set) => set !== null);
  const buckets = sets.length === 0 ? [usual] : chooseBuckets(sets, bucketsFor(usual));
  const [only] = buckets;
  const isUsual = buckets.length === 1 && only?.width === width && only.height === height;
  if (isUsual) return [];
  const counts = (set: readonly PictureSize[] | null) =>
    set && buckets.map((bucket) => set.filter((one) => bucketOf(one, buckets) === bucket).length);
  const known = { forget: counts(given.forget), retain: counts(given.retain) };
  const forget = known.forget ?? split(drawn.forget, known.retain ?? [1]);
  const retain = known.retain ?? split(drawn.retain, known.forget ?? [1]);
  const shapes = buckets
    .map((bucket, i) => ({ ...bucket, forget: forget[i] ?? 0, retain: retain[i] ?? 0 }))
    .filter((shape) => shape.forget + shape.retain > 0);
  const shares = sharesOf(shapes);
  return shapes
    .map((shape, i) => ({ shape, share: shares[i] ?? 0 }))
    .sort((a, b) => b.share - a.share)
    .map(({ shape }) => shape);
}

/** A number in proportion to others, to the nearest; one for each of them at least, if it can be. */
function split(total: number, counts: readonly number[]): number[] {
  const sum = counts.reduce((all, count) => all + count, 0);
  const parts: number[] = [];
  let [seen, given] = [0, 0];
  for (const [i, count] of counts.entries()) {
    seen += count;
    const left = counts.length - 1 - i;
    const upTo = Math.round((total * seen) / sum);
    const part = Math.max(1, Math.min(upTo - given, total - given - left));
    parts.push(total === 0 ? 0 : part);
    given += part;
  }
  return parts;
}

/** What part of the pictures of a run's steps each shape takes: as of its pictures, both sets counting the same. */
export function sharesOf(shapes: readonly PictureShape[]): number[] {
  const roles = (['forget', 'retain'] as const)
    .map((role) => ({ role, total: shapes.reduce((sum, shape) => sum + shape[role], 0) }))
    .filter(({ total }) => total > 0);
  return shapes.map(
    (shape) => roles.reduce((sum, { role, total }) => sum + shape[role] / total, 0) / roles.length,
  );
}

/** A picture and the shape that it is trained in. */
export type Arranged<T> = T & { readonly shape: PictureSize };

/** Pictures of a set, each in the shape that it loses least in. */
export function arrange<T extends { readonly size: PictureSize }>(
  pictures: readonly T[],
  shapes: readonly PictureShape[],
): Arranged<T>[] {
  return pictures.map((picture) => ({ ...picture, shape: bucketOf(picture.size, shapes) }));
}

/**
 * Pictures to keep, arranged; and for a shape that none of them goes to those that lose least there, cut to it,
 * as many as it has of the steps: what is kept is kept in all shapes that pictures are forgotten in.
 */
export function arrangeInAll<T extends { readonly size: PictureSize }>(
  pictures: readonly T[],
  shapes: readonly PictureShape[],
): Arranged<T>[] {
  const arranged = arrange(pictures, shapes);
  const shares = sharesOf(shapes);
  const lent = shapes.flatMap((shape, i) => {
    if (arranged.some((picture) => picture.shape === shape)) return [];
    const count = Math.max(1, Math.round((shares[i] ?? 0) * pictures.length));
    return pictures
      .toSorted((a, b) => lossIn(shape, a.size) - lossIn(shape, b.size))
      .slice(0, count)
      .map((picture) => ({ ...picture, shape }));
  });
  return [...arranged, ...lent];
}

/** Who loses this much of a picture should know. */
const TOLD_LOSS = 0.2;

/** Pictures of which much is cut off all the same, in a sentence; none where no picture loses much. */
export function cutPictures(
  pictures: readonly { readonly name: string; readonly size: PictureSize }[],
  shapes: readonly PictureShape[],
): string[] {
  const cut = pictures
    .map(({ name, size }) => ({ name, loss: lossIn(bucketOf(size, shapes), size) }))
    .filter(({ loss }) => loss > TOLD_LOSS)
    .sort((a, b) => b.loss - a.loss);
  const [worst] = cut;
  if (!worst) return [];
  const count = cut.length === 1 ? 'A given picture is' : `${cut.length} given pictures are`;
  const most = `${JSON.stringify(worst.name)} loses ${Math.round(100 * worst.loss)} %`;
  return [
    `${count} cut to the nearest shape that is trained in (${shapes.map(describeSize).join(', ')}): ${most}.`,
  ];
}

/** The shapes of a job; of several the number of pictures in each: `640×384 (12 to forget, 30 to keep)`. */
export function describeShapes(shapes: readonly PictureShape[]): string {
  const [first, second] = shapes;
  if (first && !second) return describeSize(first);
  return shapes
    .map((shape) => {
      const { forget, retain } = shape;
      const parts = [
        ...(forget > 0 ? [`${forget} to forget`] : []),
        ...(retain > 0 ? [`${retain} to keep`] : []),
      ];
      return `${describeSize(shape)} (${parts.join(', ')})`;
    })
    .join(', ');
}
