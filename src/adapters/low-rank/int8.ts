/** A matrix in 8 bits: row r stands for scales[r]·values. */
export interface QuantizedRows {
  /** As many as the matrix has elements, from -127 to 127. */
  readonly values: Int8Array<ArrayBuffer>;
  /** float32, one for each row. */
  readonly scales: Float32Array;
  /** |W|² */
  readonly square: number;
  /** |W − Ŵ|² */
  readonly errorSquare: number;
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
  let square = 0;
  let errorSquare = 0;
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    const end = start + columns;
    let largest = 0;
    for (let i = start; i < end; i++) {
      const size = Math.abs(weights[i] ?? 0);
      if (size > largest) largest = size;
    }
    if (largest === 0) continue;
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    for (let i = start; i < end; i++) {
      const weight = weights[i] ?? 0;
      const steps = weight / scale;
      // Truncated by the array: a loop over billions of weights has no time for Math.round.
      values[i] = steps < 0 ? steps - 0.5 : steps + 0.5;
      const error = weight - (values[i] ?? 0) * scale;
      square += weight * weight;
      errorSquare += error * error;
    }
  }
  return { values, scales, square, errorSquare };
}
