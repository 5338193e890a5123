import type { PixelImage } from '../../images/pixels.ts';

/** Luma of ITU-R BT.601. */
const weights = [0.299, 0.587, 0.114] as const;

/**
 * The root mean square of the Laplacian of a picture's luma, which is 0 to 1: `4 Y(x, y) − Y(x ± 1, y) −
 * Y(x, y ± 1)` over all pixels but the border's. 0 for one colour; a smear has little, noise much.
 *
 * Its variance is a usual measure of focus (Pech-Pacheco et al., ICPR 2000).
 */
export function sharpnessOf({ data, width, height }: PixelImage): number {
  const luma = lumaOf(data, width * height);
  const at = (x: number, y: number) => luma[y * width + x] ?? 0;
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const laplacian = 4 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
      sum += laplacian ** 2;
    }
  }
  return Math.sqrt(sum / ((width - 2) * (height - 2)));
}

/** @param data float32 [3, plane], in [-1, 1] */
function lumaOf(data: Float32Array, plane: number): Float32Array {
  const luma = new Float32Array(plane);
  for (const [channel, weight] of weights.entries()) {
    for (let i = 0; i < plane; i++) {
      const value = Math.min(1, Math.max(-1, data[channel * plane + i] ?? 0));
      luma[i] = (luma[i] ?? 0) + (weight * (value + 1)) / 2;
    }
  }
  return luma;
}
