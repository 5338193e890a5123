import sharp from 'sharp';

import { AppError } from '../errors.ts';
import { checkImage, damaged } from './check-image.ts';
import { MAX_IMAGE_PIXELS } from './image-format.ts';
import { fromRgbBytes, type PixelImage } from './pixels.ts';

/**
 * Reads a PNG, JPEG or WebP as a model is trained on it: turned upright by its EXIF orientation,
 * laid on white where it is transparent, as sRGB, scaled (Lanczos) to cover the size, and what
 * sticks out cut off evenly.
 * @param size whole pixels, as the model takes them
 * @throws AppError image.unreadable, image.too-large, settings.invalid
 */
export async function decodeImage(
  file: string,
  size: { width: number; height: number },
): Promise<PixelImage> {
  const { width, height } = size;
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new AppError(
      'settings.invalid',
      `a picture of ${width}×${height} pixels cannot be made: both must be whole numbers of pixels`,
    );
  }
  await checkImage(file);
  const bytes = await sharp(file, { failOn: 'error', limitInputPixels: MAX_IMAGE_PIXELS })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .resize({ width, height, fit: 'cover', position: 'centre', kernel: 'lanczos3' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer()
    .catch((cause: unknown) => {
      throw damaged(file, cause);
    });
  return fromRgbBytes(bytes, width, height);
}
