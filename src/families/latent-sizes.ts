import type { DenoiserShapes, LatentSize } from './family.ts';

/**
 * Which of the shapes has latents of a size; the first where none is said.
 *
 * @throws RangeError for a size that was not compiled
 */
export function shapeOfSize(shapes: DenoiserShapes, size: LatentSize = shapes[0]): number {
  const found = shapes.findIndex((shape) => isSameSize(shape, size));
  if (found >= 0) return found;
  throw new RangeError(`nothing is compiled for ${size.latentWidth}×${size.latentHeight} latents`);
}

export function isSameSize(a: LatentSize, b: LatentSize): boolean {
  return a.latentHeight === b.latentHeight && a.latentWidth === b.latentWidth;
}

/** What an input is called that each shape has its own of: by its name for the first. */
export function inputOf(name: string, shape: number): string {
  return shape === 0 ? name : `${name}:${shape}`;
}
