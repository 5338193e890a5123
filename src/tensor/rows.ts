/** Arrays one after another in one. */
export function joinRows(rows: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let offset = 0;
  for (const row of rows) {
    whole.set(row, offset);
    offset += row.length;
  }
  return whole;
}

/** Views of consecutive parts of `size` elements. */
export function splitRows(whole: Float32Array, size: number): Float32Array[] {
  return Array.from({ length: whole.length / size }, (_, i) =>
    whole.subarray(i * size, (i + 1) * size),
  );
}

/** Matrices of equally many rows, [rows, Cᵢ], side by side: [rows, ΣCᵢ]. */
export function joinColumns(matrices: readonly Float32Array[], rows: number): Float32Array {
  const [only] = matrices;
  if (only && matrices.length === 1) return only;
  const parts = matrices.map((matrix) => splitRows(matrix, matrix.length / rows));
  return joinRows(
    Array.from({ length: rows }, (_, row) => parts.flatMap((part) => part[row] ?? [])).flat(),
  );
}

/** The way back of `joinColumns`: a matrix [rows, ΣCᵢ] cut into [rows, Cᵢ], copies. */
export function splitColumns(matrix: Float32Array, widths: readonly number[]): Float32Array[] {
  const width = widths.reduce((sum, own) => sum + own, 0);
  const rows = splitRows(matrix, width);
  let start = 0;
  return widths.map((own) => {
    const part = joinRows(rows.map((row) => row.subarray(start, start + own)));
    start += own;
    return part;
  });
}
