import path from 'node:path';
import { readdirSync } from 'node:fs';
import sharp from 'sharp';

import { createGenerator } from '../../src/tensor/random.ts';

/** A picture as bytes: RGB, a row after another. */
export interface RawPicture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/** Sizes of those that are painted here: the detector's own, smaller and larger, wide and high. */
const sizes = [
  ...[
    [224, 224],
    [96, 64],
    [64, 96],
    [128, 128],
    [320, 256],
    [256, 320],
    [448, 448],
    [230, 220],
  ],
] as const;
const perFolder = 13;
/** Found by trying: the detector takes them for drawings, for all it looks for, and for nothing. */
const painted = [
  ...[669, 270, 344, 413, 683, 845, 368, 88, 592, 678, 695, 104],
  ...[106, 889, 97, 601, 545, 834, 177, 489, 378, 61, 595, 16],
] as const;
/** Tones of skin, hair and cloth, and whatever else. */
const palette = [
  ...[
    [236, 196, 170],
    [198, 134, 104],
    [141, 85, 60],
    [90, 52, 38],
    [30, 22, 20],
  ],
  ...[
    [250, 224, 208],
    [200, 60, 80],
    [70, 90, 160],
    [240, 240, 240],
    [110, 130, 90],
  ],
] as const;

/**
 * Fifty pictures that a detector is asked about: of tiny-sd's training pictures, and shapes in tones of
 * skin before a background. Their bytes are the same everywhere.
 */
export async function detectorPictures(): Promise<RawPicture[]> {
  const pictures: RawPicture[] = [];
  for (const kind of ['forget-pontilla', 'retain']) {
    const folder = path.resolve('presets/tiny-sd/images', kind);
    const files = readdirSync(folder).filter((name) => name.endsWith('.png'));
    for (const name of files.sort().slice(0, perFolder)) {
      const image = sharp(path.join(folder, name)).removeAlpha().toColourspace('srgb').raw();
      const { data, info } = await image.toBuffer({ resolveWithObject: true });
      pictures.push({ name: `${kind}/${name}`, bytes: data, ...sizeOf(info) });
    }
  }
  return [...pictures, ...painted.map(paint)];
}

const sizeOf = ({ width, height }: { width: number; height: number }) => ({ width, height });

/** A background that grows darker downwards, and ellipses upon it. */
function paint(number: number): RawPicture {
  const [width = 0, height = 0] = sizes[number % sizes.length] ?? [];
  const random = createGenerator(1000 + number);
  const colour = () => palette[random.randomIntegers(1, 0, palette.length)[0] ?? 0] ?? palette[0];
  const ground = colour();
  const ellipses = Array.from({ length: 3 + (number % 9) }, () => {
    const [x = 0, y = 0, a = 0, b = 0] = random.randomIntegers(4, 0, 1000);
    const radii = { a: (width * (a + 60)) / 3000, b: (height * (b + 60)) / 2000 };
    return { x: (width * x) / 1000, y: (height * y) / 1000, ...radii, colour: colour() };
  });
  const bytes = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const over = ellipses.findLast((e) => ((x - e.x) / e.a) ** 2 + ((y - e.y) / e.b) ** 2 < 1);
      // Without functions whose last digit differs from machine to machine.
      const shade = over ? 1 - 0.3 * ((x - over.x) / over.a) ** 2 : 1 - (0.4 * y) / height;
      for (const [channel, value] of (over?.colour ?? ground).entries()) {
        bytes[3 * (y * width + x) + channel] = Math.round(value * shade);
      }
    }
  }
  return { name: `painted-${number}`, width, height, bytes };
}
