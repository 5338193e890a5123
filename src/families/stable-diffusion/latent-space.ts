import type { PixelImage } from '../../images/pixels.ts';
import { createGenerator } from '../../tensor/random.ts';
import type { RunPlace } from '../family.ts';
import { latentScale } from './image-size.ts';
import { invalid, type OpenVae } from './vae-file.ts';

/** What VAEs of one shape make of pictures. */
interface LatentSpace {
  readonly title: string;
  /** What its latents are multiplied by, so that they spread by about 1. */
  readonly scaleFactor: number;
  /**
   * Red, green and blue of a cell, from -1 to 1, as sums of its four scaled latents.
   * (comfyanonymous/ComfyUI, comfy/latent_formats.py, `latent_rgb_factors`)
   */
  readonly colours: readonly (readonly [red: number, green: number, blue: number])[];
}

const spaces: readonly LatentSpace[] = [
  {
    title: 'SD 1.x and 2.x',
    scaleFactor: 0.18215,
    colours: [
      [0.3512, 0.2297, 0.3227],
      [0.325, 0.4974, 0.235],
      [-0.2829, 0.1762, 0.2721],
      [-0.212, -0.2616, -0.7177],
    ],
  },
  {
    title: 'SDXL',
    scaleFactor: 0.13025,
    colours: [
      [0.3651, 0.4232, 0.4341],
      [-0.2533, -0.0042, 0.1068],
      [0.1076, 0.1111, -0.0362],
      [-0.3165, -0.2492, -0.2188],
    ],
  },
];

/** Pictures to look at, and their side in pixels: what takes a second, and tells VAEs apart. */
const PICTURES = 3;
const SIDE = 128;

/** How well one of the spaces must explain the colours, and how much better than the other. */
const EXPLAINED = 0.6;
const MARGIN = 0.1;

/**
 * How far scaled latents may spread that neither space explains; those of two small models that were trained on
 * other pictures spread by 0.97 and 1.19. SDXL's and SD's factors are 1.4 apart.
 */
const SPREAD = { least: 0.8, most: 1.25 } as const;

/**
 * Refuses a VAE whose latents mean something else to the model: those of SD and SDXL have the same
 * shapes. Colours are looked at first, which every VAE of a space keeps where it was; where neither space
 * explains them, how far the latents spread.
 *
 * @throws AppError `vae.invalid`
 */
export async function requireLatentSpace(vae: OpenVae, place: RunPlace): Promise<void> {
  const { file, config } = vae;
  const { spread, cells } = await encodeSmoothPictures(vae, place);
  if (!Number.isFinite(spread)) {
    throw invalid(file.path, 'makes latents that are no numbers: it is damaged');
  }
  const wanted = nearest(config.scaleFactor);
  const found = spaceByColours(cells);
  if (found === wanted) return;
  if (found) {
    throw invalid(
      file.path,
      `is one of ${found.title} by how its latents show colours, and the model takes those of ${wanted.title}`,
    );
  }
  const scaled = spread * config.scaleFactor;
  if (scaled >= SPREAD.least && scaled <= SPREAD.most) return;
  throw invalid(
    file.path,
    `makes latents that spread by ${scaled.toFixed(2)} once they are scaled for this model, where about 1 is right: it is a VAE of another kind of model, of ${nearest(1 / spread).title} if of any that is known`,
  );
}

/** The space whose factor is nearest, as factors are compared: by their ratio. */
function nearest(scaleFactor: number): LatentSpace {
  const distance = (space: LatentSpace) => Math.abs(Math.log(space.scaleFactor / scaleFactor));
  return spaces.reduce((best, space) => (distance(space) < distance(best) ? space : best));
}

interface Seen {
  /** Root mean square of all latents, not scaled. */
  readonly spread: number;
  /** Of each cell of all pictures. */
  readonly cells: readonly {
    readonly latents: readonly number[];
    readonly rgb: readonly number[];
  }[];
}

/** The space in which latents give the colours of the pictures; null where none does. */
function spaceByColours(cells: Seen['cells']): LatentSpace | null {
  const ranked = spaces
    .map((space) => ({ space, fit: colourFit(cells, space) }))
    .sort((a, b) => b.fit - a.fit);
  const [best, second] = ranked;
  if (!best || !second || best.fit < EXPLAINED || best.fit - second.fit < MARGIN) return null;
  return best.space;
}

/** The correlation of given and seen colours, the mean of red, green and blue. */
function colourFit(cells: Seen['cells'], { colours }: LatentSpace): number {
  const fits = [0, 1, 2].map((channel) =>
    correlation(
      cells.map(({ latents }) =>
        latents.reduce((sum, value, i) => sum + value * (colours[i]?.[channel] ?? 0), 0),
      ),
      cells.map(({ rgb }) => rgb[channel] ?? 0),
    ),
  );
  return mean(fits);
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = mean(a.map((value, i) => (value - meanA) * ((b[i] ?? 0) - meanB)));
  const deviation = (of: readonly number[], around: number) =>
    Math.sqrt(mean(of.map((value) => (value - around) ** 2)));
  return product / (deviation(a, meanA) * deviation(b, meanB) || 1);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function encodeSmoothPictures(vae: OpenVae, { device, threads }: RunPlace): Promise<Seen> {
  const { ImageEncoder } = await import('./autoencoder.ts');
  const settings = { width: SIDE, height: SIDE, device, threads };
  const encoder = await ImageEncoder.create(vae, settings);
  const scale = latentScale({ vae });
  const side = SIDE / scale;
  try {
    const cells: { latents: number[]; rgb: number[] }[] = [];
    for (let seed = 0; seed < PICTURES; seed++) {
      const picture = smoothPicture(seed);
      const latents = await encoder.encode(picture, (count) => new Float32Array(count));
      const unscaled = latents.map((value) => value / vae.config.scaleFactor);
      for (let cell = 0; cell < side * side; cell++) {
        cells.push({
          latents: channelsAt(unscaled, cell, side * side),
          rgb: [0, 1, 2].map((channel) => blockMean(picture, { channel, cell, scale })),
        });
      }
    }
    const squares = cells.flatMap(({ latents }) => latents.map((value) => value ** 2));
    return { spread: Math.sqrt(mean(squares)), cells };
  } finally {
    await encoder.release();
  }
}

function channelsAt(latents: Float32Array, cell: number, cells: number): number[] {
  return Array.from({ length: latents.length / cells }, (_, i) => latents[i * cells + cell] ?? 0);
}

/** The mean of a channel over a latent cell's pixels. */
function blockMean(
  { data }: PixelImage,
  { channel, cell, scale }: { channel: number; cell: number; scale: number },
): number {
  const side = SIDE / scale;
  const [row, column] = [Math.floor(cell / side) * scale, (cell % side) * scale];
  let sum = 0;
  for (let y = row; y < row + scale; y++) {
    for (let x = column; x < column + scale; x++) sum += data[(channel * SIDE + y) * SIDE + x] ?? 0;
  }
  return sum / scale ** 2;
}

/** Amplitude of each octave, which together spread as photographs do. */
const OCTAVE = 0.67;

/** Clouds of colours, coarse and fine: each channel a sum of random grids, drawn between their points. */
function smoothPicture(seed: number): PixelImage {
  const data = new Float32Array(3 * SIDE * SIDE);
  const generator = createGenerator(seed);
  for (let channel = 0; channel < 3; channel++) {
    for (let cells = 2; cells <= SIDE / 4; cells *= 2) {
      const points = generator.randn((cells + 1) ** 2);
      const at = (x: number, y: number) => points[y * (cells + 1) + x] ?? 0;
      for (let i = 0; i < SIDE * SIDE; i++) {
        const [x, y] = [((i % SIDE) * cells) / SIDE, (Math.floor(i / SIDE) * cells) / SIDE];
        const [left, top] = [Math.floor(x), Math.floor(y)];
        const [right, down] = [x - left, y - top];
        const upper = (1 - right) * at(left, top) + right * at(left + 1, top);
        const lower = (1 - right) * at(left, top + 1) + right * at(left + 1, top + 1);
        const place = channel * SIDE * SIDE + i;
        const value = (OCTAVE / Math.log2(2 * cells)) * ((1 - down) * upper + down * lower);
        data[place] = (data[place] ?? 0) + value;
      }
    }
  }
  return { data: data.map((value) => Math.max(-1, Math.min(1, value))), width: SIDE, height: SIDE };
}
