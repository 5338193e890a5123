import type { PictureSize } from '../../images/picture-size.ts';

/**
 * Scales a picture as TensorFlow does it with `align_corners`: the four corners stay where they are, and
 * each pixel lies between the four nearest ones of the original, of however many it has to stand for.
 *
 * @param bytes RGB, [height, width, 3]
 * @returns float32 [to.height, to.width, 3], 0 to 255
 */
export function alignCorners(bytes: Uint8Array, from: PictureSize, to: PictureSize): Float32Array {
  const columns = placesOf(from.width, to.width);
  const scaled = new Float32Array(3 * to.width * to.height);
  for (const [y, row] of placesOf(from.height, to.height).entries()) {
    for (const [x, column] of columns.entries()) {
      const at = (line: number, pixel: number) => 3 * (line * from.width + pixel);
      for (let colour = 0; colour < 3; colour++) {
        const value = (index: number) => bytes[index + colour] ?? Number.NaN;
        const above = between(
          value(at(row.low, column.low)),
          value(at(row.low, column.high)),
          column,
        );
        const [left, right] = [value(at(row.high, column.low)), value(at(row.high, column.high))];
        const below = between(left, right, column);
        scaled[3 * (y * to.width + x) + colour] = between(above, below, row);
      }
    }
  }
  return scaled;
}

/** Between which two pixels a new one lies, and how far from the lower. */
interface Place {
  readonly low: number;
  readonly high: number;
  readonly share: number;
}

function placesOf(from: number, to: number): Place[] {
  const step = (from - 1) / Math.max(1, to - 1);
  return Array.from({ length: to }, (_, i) => {
    const low = Math.floor(i * step);
    return { low, high: Math.min(from - 1, low + 1), share: i * step - low };
  });
}

const between = (low: number, high: number, { share }: Place) => low + (high - low) * share;
