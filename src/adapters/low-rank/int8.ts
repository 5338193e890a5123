/** A matrix in 8 bits: row r stands for scales[r]·values. */
export interface QuantizedRows {
  /** As many as the matrix has elements, from -127 to 127. */
  readonly values: Int8Array;
  /** float32, one for each row. */
  readonly scales: Float32Array;
}

/**
 * The nearest matrix in 8 bits, each row with a scale of its own, symmetric around zero.
 *
 * @param weights float32, row-major
 * @param rows output channels, each of which gets its own scale
 */
export function quantizeRows(weights: Float32Array, rows: number): QuantizedRows {
  const columns = weights.length / rows;
  const values = new Int8Array(weights.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let largest = 0;
    for (let i = start; i < start + columns; i++) {
      largest = Math.max(largest, Math.abs(weights[i] ?? 0));
    }
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = start; i < start + columns; i++) values[i] = Math.round((weights[i] ?? 0) / scale);
  }
  return { values, scales };
}

/** Adds up how far quantized matrices are from what they stand for. */
export class QuantizationError {
  private error = 0;
  private size = 0;

  add(weights: Float32Array, { values, scales }: QuantizedRows): void {
    const columns = weights.length / scales.length;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] ?? 0;
      const difference = weight - (values[i] ?? 0) * (scales[Math.floor(i / columns)] ?? 0);
      this.error += difference * difference;
      this.size += weight * weight;
    }
  }

  /** |W − Ŵ| / |W| over all of them. */
  get relative(): number {
    return this.size === 0 ? 0 : Math.sqrt(this.error / this.size);
  }
}
