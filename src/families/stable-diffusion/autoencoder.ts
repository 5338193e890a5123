import type { CoderSettings, PictureDecoder, PictureEncoder } from '../family.ts';
import type { Opened } from './opened.ts';
import { latentScale } from './image-size.ts';
import { AppError } from '../../errors.ts';
import type { PixelImage } from '../../images/pixels.ts';
import { buildVaeDecoder, buildVaeEncoder } from './vae.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Shape } from '../../tensor/shape.ts';
import { GraphSession } from '../../runtime/session.ts';
import { floatData, floatTensor } from '../../runtime/tensor.ts';
import { checkpointWeights, weightsFolder } from '../checkpoint-weights.ts';

/** Bounds of the posterior's log variance, as the reference autoencoder clamps it. */
const logVarianceRange = [-30, 20] as const;

/** The encoder of a checkpoint's VAE for images of one size. */
export class ImageEncoder implements PictureEncoder {
  private readonly session: GraphSession;
  private readonly imageShape: Shape;
  private readonly scaleFactor: number;

  private constructor(session: GraphSession, imageShape: Shape, scaleFactor: number) {
    this.session = session;
    this.imageShape = imageShape;
    this.scaleFactor = scaleFactor;
  }

  static async create(checkpoint: Opened, settings: CoderSettings): Promise<ImageEncoder> {
    const g = new GraphBuilder('vae-encoder');
    const imageShape = [1, 3, settings.height, settings.width];
    const image = g.input('image', 'float32', imageShape);
    const { vae } = checkpoint.architecture;
    g.output('moments', buildVaeEncoder(g, checkpointWeights(g, checkpoint), vae, image));
    const session = await openSession(g, checkpoint, settings);
    return new ImageEncoder(session, imageShape, vae.scaleFactor);
  }

  /**
   * A draw from the posterior, scaled as the UNet takes it: float32 [C, h, w].
   * @param drawNoise standard normal numbers, as many as asked for
   */
  async encode(image: PixelImage, drawNoise: (count: number) => Float32Array) {
    const { moments } = await this.session.run({ image: floatTensor(image.data, this.imageShape) });
    if (!moments) throw new AppError('internal.unexpected', 'the image encoder gave no output');
    const values = floatData(moments);
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
  private readonly latentShape: Shape;
  private readonly scaleFactor: number;

  private constructor(session: GraphSession, latentShape: Shape, scaleFactor: number) {
    this.session = session;
    this.latentShape = latentShape;
    this.scaleFactor = scaleFactor;
  }

  static async create(checkpoint: Opened, settings: CoderSettings): Promise<ImageDecoder> {
    const g = new GraphBuilder('vae-decoder');
    const { vae } = checkpoint.architecture;
    const scale = latentScale(checkpoint);
    const latentShape = [1, vae.embedDim, settings.height / scale, settings.width / scale];
    const latents = g.input('latents', 'float32', latentShape);
    g.output('image', buildVaeDecoder(g, checkpointWeights(g, checkpoint), vae, latents));
    const session = await openSession(g, checkpoint, settings);
    return new ImageDecoder(session, latentShape, vae.scaleFactor);
  }

  /** The picture of latents [C, h, w] as the UNet gives them. */
  async decode(latents: Float32Array): Promise<PixelImage> {
    const unscaled = latents.map((value) => value / this.scaleFactor);
    const { image } = await this.session.run({ latents: floatTensor(unscaled, this.latentShape) });
    if (!image) throw new AppError('internal.unexpected', 'the image decoder gave no output');
    const [, , height = 0, width = 0] = image.dims;
    return { data: floatData(image), width, height };
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

function openSession(g: GraphBuilder, checkpoint: Opened, settings: CoderSettings) {
  const { device, threads } = settings;
  return GraphSession.create(g.graph, {
    device,
    threads,
    weightsFolder: weightsFolder(checkpoint),
  });
}
