import type { CoderSettings, PictureDecoder, PictureEncoder } from '../family.ts';
import { latentScale } from './image-size.ts';
import { invalid, type OpenVae } from './vae-file.ts';
import { AppError } from '../../errors.ts';
import type { PixelImage } from '../../images/pixels.ts';
import { type CellScale, type Grid, inTiles, type TileSize } from './tiles.ts';
import { buildVaeDecoder, buildVaeEncoder } from './vae.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor, type Tensor } from '../../runtime/tensor.ts';
import { checkpointWeights, weightsFolder } from '../checkpoint-weights.ts';

/** Bounds of the posterior's log variance, as the reference autoencoder clamps it. */
const logVarianceRange = [-30, 20] as const;

/**
 * Cells of latents along a side of a tile, and of its overlap: 512 pixels and 128. At 1024 pixels a
 * single feature map of the decoder has 1 GB, which many cards take in no buffer.
 */
const usualTile = { cells: 64, overlap: 16 } as const;

/** How a VAE takes pictures that are larger than a tile. */
export interface Tiling {
  readonly cells: number;
  readonly overlap: number;
}

/*
 * Both halves compute in float32 on every device, however their weights are stored: activations of SDXL's VAE
 * pass 65504, the largest number of float16.
 */

/** The encoder of a checkpoint's VAE for images of one size. */
export class ImageEncoder implements PictureEncoder {
  private readonly session: GraphSession;
  private readonly file: string;
  private readonly tiles: { readonly tile: TileSize; readonly scale: CellScale };
  private readonly scaleFactor: number;

  private constructor(
    { session, file }: CoderSession,
    tile: TileSize,
    { scale, scaleFactor }: VaeScale,
  ) {
    this.session = session;
    this.file = file;
    this.tiles = { tile, scale: { input: scale, output: 1 } };
    this.scaleFactor = scaleFactor;
  }

  static async create(
    coder: OpenVae,
    settings: CoderSettings,
    tiling: Tiling = usualTile,
  ): Promise<ImageEncoder> {
    const g = new GraphBuilder('vae-encoder');
    const vae = coder.config;
    const scale = latentScale({ vae: coder });
    const tile = tileFor(settings, scale, tiling);
    const shape = [1, 3, tile.height * scale, tile.width * scale];
    const image = g.input('image', 'float32', shape);
    g.output('moments', buildVaeEncoder(g, checkpointWeights(g, coder), vae, image));
    const session = await openSession(g, coder, settings);
    return new ImageEncoder({ session, file: coder.file.path }, tile, {
      ...{ scale, scaleFactor: vae.scaleFactor },
    });
  }

  /**
   * A draw from the posterior, scaled as the UNet takes it: float32 [C, h, w].
   *
   * @param drawNoise standard normal numbers, as many as asked for
   * @throws AppError `vae.invalid` where it makes NaN of the image
   */
  async encode(image: PixelImage, drawNoise: (count: number) => Float32Array) {
    const { data: values } = await inTiles({ ...image, channels: 3 }, this.tiles, async (part) => {
      const { moments } = await this.session.run({ image: gridTensor(part) });
      if (!moments) throw new AppError('internal.unexpected', 'the image encoder gave no output');
      return gridOf(moments);
    });
    if (!isWhole(values)) throw makesNan(this.file, 'latents of a picture');
    const count = values.length / 2;
    const noise = drawNoise(count);
    const [low, high] = logVarianceRange;
    return noise.map((draw, i) => {
      const logVariance = Math.min(Math.max(values[count + i] ?? 0, low), high);
      return this.scaleFactor * ((values[i] ?? 0) + Math.exp(logVariance / 2) * draw);
    });
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

/** The decoder of a checkpoint's VAE for images of one size. */
export class ImageDecoder implements PictureDecoder {
  private readonly session: GraphSession;
  private readonly file: string;
  private readonly tiles: { readonly tile: TileSize; readonly scale: CellScale };
  private readonly scaleFactor: number;
  private readonly latents: Pick<Grid, 'channels' | 'height' | 'width'>;

  private constructor(
    { session, file }: CoderSession,
    { tile, latents }: { tile: TileSize; latents: Pick<Grid, 'channels' | 'height' | 'width'> },
    { scale, scaleFactor }: VaeScale,
  ) {
    this.session = session;
    this.file = file;
    this.tiles = { tile, scale: { input: 1, output: scale } };
    this.scaleFactor = scaleFactor;
    this.latents = latents;
  }

  static async create(
    coder: OpenVae,
    settings: CoderSettings,
    tiling: Tiling = usualTile,
  ): Promise<ImageDecoder> {
    const g = new GraphBuilder('vae-decoder');
    const vae = coder.config;
    const scale = latentScale({ vae: coder });
    const tile = tileFor(settings, scale, tiling);
    const latents = g.input('latents', 'float32', [1, vae.embedDim, tile.height, tile.width]);
    g.output('image', buildVaeDecoder(g, checkpointWeights(g, coder), vae, latents));
    const session = await openSession(g, coder, settings);
    const { height, width } = settings;
    const size = { channels: vae.embedDim, height: height / scale, width: width / scale };
    return new ImageDecoder(
      { session, file: coder.file.path },
      { tile, latents: size },
      { scale, scaleFactor: vae.scaleFactor },
    );
  }

  /**
   * The picture of latents [C, h, w] as the UNet gives them; of latents that are NaN, it is NaN too.
   *
   * @throws AppError `vae.invalid` where it makes NaN of whole latents
   */
  async decode(latents: Float32Array): Promise<PixelImage> {
    const unscaled = latents.map((value) => value / this.scaleFactor);
    const { data, width, height } = await inTiles(
      { data: unscaled, ...this.latents },
      this.tiles,
      async (part) => {
        const { image } = await this.session.run({ latents: gridTensor(part) });
        if (!image) throw new AppError('internal.unexpected', 'the image decoder gave no output');
        return gridOf(image);
      },
    );
    if (!isWhole(data) && isWhole(latents)) throw makesNan(this.file, 'a picture of latents');
    return { data, width, height };
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

/** A compiled half of a VAE, and the file that it is from. */
interface CoderSession {
  readonly session: GraphSession;
  readonly file: string;
}

interface VaeScale {
  /** Pixels along a side of a latent cell. */
  readonly scale: number;
  /** What latents are multiplied by before the UNet sees them. */
  readonly scaleFactor: number;
}

function tileFor({ width, height }: CoderSettings, scale: number, tiling: Tiling): TileSize {
  return {
    height: Math.min(height / scale, tiling.cells),
    width: Math.min(width / scale, tiling.cells),
    overlap: tiling.overlap,
  };
}

function isWhole(values: Float32Array): boolean {
  return values.every((value) => Number.isFinite(value));
}

/** A picture of it would be black, and training would spread the NaN to every weight. */
function makesNan(file: string, what: string): AppError {
  return invalid(file, `makes ${what} that are not finite (NaN), though it is computed in 32 bits`);
}

function gridTensor({ data, channels, height, width }: Grid): Tensor {
  return floatTensor(data, [1, channels, height, width]);
}

/** A tensor [1, C, H, W] as a grid. */
function gridOf(tensor: Tensor): Grid {
  const [, channels = 0, height = 0, width = 0] = tensor.dims;
  return { data: floatData(tensor), channels, height, width };
}

function openSession(g: GraphBuilder, coder: OpenVae, settings: CoderSettings) {
  const { device, threads } = settings;
  return GraphSession.create(g.graph, {
    device,
    threads,
    weightsFolder: weightsFolder(coder),
  });
}
