import sharp from 'sharp';

import { createGenerator, seedFor } from '../../src/tensor/random.ts';

interface Painting {
  readonly prompt: string;
  readonly seed: number;
  readonly size: number;
  readonly format?: 'png' | 'jpeg' | 'webp';
}

const CELLS = 4;

/** A picture file of coloured patches, always the same for the same words and the same seed. */
export function paintPicture({ prompt, seed, size, format = 'png' }: Painting): Promise<Buffer> {
  const colours = createGenerator(seedFor(seed, prompt)).randomIntegers(CELLS * CELLS * 3, 0, 256);
  return sharp(Buffer.from(colours), { raw: { width: CELLS, height: CELLS, channels: 3 } })
    .resize(size, size, { kernel: 'cubic' })
    .toFormat(format)
    .toBuffer();
}
