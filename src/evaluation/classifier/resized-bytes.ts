import sharp from 'sharp';

import type { PictureSize } from '../../images/picture-size.ts';
import { type PixelImage, toRgbBytes } from '../../images/pixels.ts';
import { alignCorners } from './align-corners.ts';
import type { Resize } from './labels.ts';

/** A picture at the size that a classifier takes: RGB, [height, width, 3], 0 to 255. */
export async function resizedBytes(
  image: PixelImage,
  to: PictureSize,
  resize: Resize,
): Promise<Uint8Array | Float32Array> {
  const bytes = toRgbBytes(image);
  if (resize === 'align_corners') return alignCorners(bytes, image, to);
  const { width, height } = image;
  const scaled = sharp(bytes, { raw: { width, height, channels: 3 } }).resize(
    to.width,
    to.height,
    resize === 'pad'
      ? { fit: 'contain', position: 'left top', background: '#000', kernel: 'linear' }
      : { fit: 'fill', kernel: 'cubic' },
  );
  return scaled.raw().toBuffer();
}
