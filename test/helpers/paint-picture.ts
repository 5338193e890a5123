import sharp from 'sharp';

import { createGenerator, seedFor } from '../../src/tensor/random.ts';

interface Painting {
  readonly prompt: string;
  readonly seed: number;
  readonly size: number;
  readonly format?: 'png' | 'jpeg' | 'webp';
  /** As a web UI sends it where numbers overflow. */
  readonly isBlack?: boolean;
}

const CELLS = 4;

/** A picture file of coloured patches, always the same for the same words and the same seed. */
export function paintPicture({
  prompt,
  seed,
  size,
  format = 'png',
  isBlack = false,
}: Painting): Promise<Buffer> {
  const colours = createGenerator(seedFor(seed, prompt)).randomIntegers(CELLS * CELLS * 3, 0, 256);
  return sharp(isBlack ? Buffer.alloc(colours.length) : Buffer.from(colours), {
    raw: { width: CELLS, height: CELLS, channels: 3 },
  })
    .resize(size, size, { kernel: 'cubic' })
    .toFormat(format)
    .toBuffer();
}
