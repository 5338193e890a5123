import sharp from 'sharp';

import { decodeImage } from './decode-image.ts';
import { fromRgbBytes, type PixelImage, toRgbBytes } from './pixels.ts';

/** Pixels a side: what two pictures have in common in it is their composition, not their grain. */
const side = 64;

/** A square picture, small. */
export async function thumbnail(image: PixelImage): Promise<PixelImage> {
  const { width, height } = image;
  const bytes = await sharp(toRgbBytes(image), { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return fromRgbBytes(bytes, side, side);
}

/**
 * A picture file, cut and scaled as training sees it, small.
 *
 * @throws AppError image.unreadable, image.too-large
 */
export function thumbnailOfFile(file: string): Promise<PixelImage> {
  return decodeImage(file, { width: side, height: side });
}
