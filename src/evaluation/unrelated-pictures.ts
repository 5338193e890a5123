import { imageDistance } from '../images/image-distance.ts';
import type { PixelImage } from '../images/pixels.ts';
import { mean, type Quantity } from './figure.ts';

/** Measures how far pictures that have nothing in common are apart: what a distance is read against. */
export class UnrelatedPictures {
  private readonly distances: number[] = [];
  private previous: PixelImage | null = null;

  /** Takes in the next picture of the original: of another prompt or noise than the one before. */
  add(image: PixelImage): void {
    if (this.previous) this.distances.push(imageDistance(this.previous, image));
    this.previous = image;
  }

  /** Null where there was one picture only. */
  reference(): Quantity['reference'] {
    return this.distances.length === 0
      ? null
      : { value: mean(this.distances), words: 'two different pictures of the original' };
  }
}
