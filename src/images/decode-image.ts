import sharp from 'sharp';

import { AppError } from '../errors.ts';
import { checkImage, damaged } from './check-image.ts';
import { MAX_IMAGE_PIXELS } from './image-format.ts';
import { fromRgbBytes, type PixelImage } from './pixels.ts';

/** A VAE of Stable Diffusion halves a picture's sides three times. */
const SIZE_MULTIPLE = 8;

/**
 * Reads a PNG, JPEG or WebP as a model is trained on it: turned upright by its EXIF orientation,
 * laid on white where it is transparent, as sRGB, scaled (Lanczos) to cover the size, and what
 * sticks out cut off evenly.
 * @param size pixels, multiples of 8
 * @throws AppError image.unreadable, image.too-large, settings.invalid
 */
export async function decodeImage(
  file: string,
  size: { width: number; height: number },
): Promise<PixelImage> {
  const { width, height } = size;
  if (!isModelSize(width) || !isModelSize(height)) {
    throw new AppError(
      'settings.invalid',
      `a picture of ${width}×${height} pixels cannot be encoded: both must be multiples of ${SIZE_MULTIPLE}`,
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

function isModelSize(pixels: number): boolean {
  return pixels > 0 && pixels % SIZE_MULTIPLE === 0;
}
