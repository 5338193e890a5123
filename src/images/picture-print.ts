import { createHash } from 'node:crypto';

import sharp from 'sharp';

import { damaged } from './check-image.ts';
import { MAX_IMAGE_PIXELS } from './image-format.ts';

/** What two pictures are compared by. */
export interface PicturePrint {
  /** SHA-256 of its size and pixels: equal whatever file the picture was saved to without loss. */
  readonly pixels: string;
  /** Width by height. */
  readonly aspect: number;
  /** The picture scaled to `THUMBNAIL_SIZE` squared: interleaved RGB, 8 bits each. */
  readonly thumbnail: Uint8Array;
}

/** Enough to tell pictures of one thing apart, and less than what saving with loss changes. */
const THUMBNAIL_SIZE = 32;
/** Mean and largest difference of a value, of 255, that saving as JPEG or in another size may make. */
const MAX_MEAN_DIFFERENCE = 2;
const MAX_DIFFERENCE = 24;
/** Sizes are whole pixels. */
const MAX_ASPECT_DIFFERENCE = 0.02;

/**
 * Decodes a picture as a model is trained on it, but for its size: upright, on white, as sRGB.
 *
 * @throws AppError image.unreadable
 */
export async function printPicture(file: string): Promise<PicturePrint> {
  const { data, info } = await sharp(file, {
    failOn: 'error',
    limitInputPixels: MAX_IMAGE_PIXELS,
  })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw damaged(file, cause);
    });
  const { width, height, channels } = info;
  const thumbnail = await sharp(data, { raw: { width, height, channels } })
    .resize({ width: THUMBNAIL_SIZE, height: THUMBNAIL_SIZE, fit: 'fill' })
    .raw()
    .toBuffer();
  const pixels = createHash('sha256').update(`${width} ${height} `).update(data).digest('hex');
  return { pixels, aspect: width / height, thumbnail };
}

/** Whether two pictures are likely to be one, saved with loss or in another size. */
export function areAlike(first: PicturePrint, second: PicturePrint): boolean {
  if (Math.abs(first.aspect / second.aspect - 1) > MAX_ASPECT_DIFFERENCE) return false;
  let sum = 0;
  for (const [i, value] of first.thumbnail.entries()) {
    const difference = Math.abs(value - (second.thumbnail[i] ?? 0));
    if (difference > MAX_DIFFERENCE) return false;
    sum += difference;
  }
  return sum / first.thumbnail.length <= MAX_MEAN_DIFFERENCE;
}
