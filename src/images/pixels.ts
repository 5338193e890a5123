/** A picture as models see it. */
export interface PixelImage {
  /** float32 [3, height, width], RGB, in [-1, 1] */
  data: Float32Array;
  width: number;
  height: number;
}

/**
 * Interleaved 8-bit RGB [height, width, 3] from planes in [-1, 1]; values outside are clamped, and
 * NaN becomes black.
 */
export function toRgbBytes({ data, width, height }: PixelImage): Buffer {
  const plane = width * height;
  if (data.length !== 3 * plane) {
    throw new RangeError(`${data.length} values are not a picture [3, ${height}, ${width}]`);
  }
  const clamped = new Uint8ClampedArray(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      clamped[3 * i + channel] = ((data[channel * plane + i] ?? 0) + 1) * 127.5;
    }
  }
  return Buffer.from(clamped.buffer);
}

/** The inverse of `toRgbBytes`. */
export function fromRgbBytes(bytes: Uint8Array, width: number, height: number): PixelImage {
  const plane = width * height;
  if (bytes.length !== 3 * plane) {
    throw new RangeError(`${bytes.length} bytes are not a picture [${height}, ${width}, 3]`);
  }
  const data = new Float32Array(3 * plane);
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) {
      data[channel * plane + i] = (bytes[3 * i + channel] ?? 0) / 127.5 - 1;
    }
  }
  return { data, width, height };
}
