import { readFile } from 'node:fs/promises';
import sharp from 'sharp';

import { systemErrorCode } from '../system-error.ts';

/** Pictures up to this size stay as they are, pixel by pixel. */
const smallSize = 128;
/** Of lossy WebP: about 25 kB for 384 pixels square, without visible harm. */
const quality = 80;

/**
 * A picture of a file as an address that holds it.
 *
 * @param size its largest width and height, in pixels
 * @returns null where the file is missing
 */
export async function embedPicture(file: string, size: number): Promise<string | null> {
  const png = await readFile(file).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (!png) return null;
  const image = sharp(png);
  const { width } = await image.metadata();
  const webp = await image
    .resize({ width: size, height: size, fit: 'inside', withoutEnlargement: true })
    .webp(width <= smallSize ? { lossless: true } : { quality })
    .toBuffer();
  return `data:image/webp;base64,${webp.toString('base64')}`;
}
