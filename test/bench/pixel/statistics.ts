/** Means and covariances of features, and what is told from them. Vectors are rows of one length. */
export type Vector = readonly number[];

/**
 * The Fréchet distance of two sets of features, each taken for normal (Heusel et al. 2017):
 * |m₁ − m₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½).
 */
export function frechetDistance(a: readonly Vector[], b: readonly Vector[]): number {
  const [first, second] = [momentsOf(a), momentsOf(b)];
  const means = first.mean.reduce((sum, value, i) => sum + (value - (second.mean[i] ?? 0)) ** 2, 0);
  const root = squareRoot(first.covariance);
  const product = multiply(multiply(root, second.covariance), root);
  const roots = eigenvaluesOf(product).values.map((value) => Math.sqrt(Math.max(0, value)));
  return (
    means +
    trace(first.covariance) +
    trace(second.covariance) -
    2 * roots.reduce((s, v) => s + v, 0)
  );
}

/** exp E KL(p(y|x) ‖ p(y)) of a classifier's probabilities (Salimans et al. 2016). */
export function inceptionScore(probabilities: readonly Vector[]): number {
  const mean = momentsOf(probabilities).mean;
  const divergence = probabilities.map((row) =>
    row.reduce((sum, p, i) => sum + (p > 0 ? p * Math.log(p / (mean[i] ?? 1)) : 0), 0),
  );
  return Math.exp(divergence.reduce((sum, value) => sum + value, 0) / divergence.length);
}

type Matrix = readonly Vector[];

function momentsOf(rows: readonly Vector[]): {
  readonly mean: Vector;
  readonly covariance: Matrix;
} {
  const size = rows[0]?.length ?? 0;
  const mean = Array.from(
    { length: size },
    (_, i) => rows.reduce((sum, row) => sum + (row[i] ?? 0), 0) / rows.length,
  );
  const covariance = Array.from({ length: size }, (_, i) =>
    Array.from(
      { length: size },
      (_, j) =>
        rows.reduce(
          (sum, row) => sum + ((row[i] ?? 0) - (mean[i] ?? 0)) * ((row[j] ?? 0) - (mean[j] ?? 0)),
          0,
        ) / Math.max(1, rows.length - 1),
    ),
  );
  return { mean, covariance };
}

const trace = (matrix: Matrix) => matrix.reduce((sum, row, i) => sum + (row[i] ?? 0), 0);

function multiply(a: Matrix, b: Matrix): Matrix {
  return a.map((row) =>
    (b[0] ?? []).map((_, j) => row.reduce((sum, value, k) => sum + value * (b[k]?.[j] ?? 0), 0)),
  );
}

/** Of a symmetric matrix without negative eigenvalues, but for rounding. */
function squareRoot(matrix: Matrix): Matrix {
  const { values, vectors } = eigenvaluesOf(matrix);
  const scaled = vectors.map((row) =>
    row.map((value, k) => value * Math.sqrt(Math.max(0, values[k] ?? 0))),
  );
  const transposed = vectors.map((_, i) => vectors.map((row) => row[i] ?? 0));
  return multiply(scaled, transposed);
}

/** Of a symmetric matrix, by Jacobi's rotations; eigenvectors are columns. */
function eigenvaluesOf(matrix: Matrix): { readonly values: Vector; readonly vectors: Matrix } {
  const size = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  const vectors = matrix.map((_, i) => Float64Array.from(matrix, (_, j) => (i === j ? 1 : 0)));
  const at = (i: number, j: number) => a[i]?.[j] ?? 0;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) off += at(p, q) ** 2;
    if (off < 1e-18) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (at(p, q) !== 0) rotate(a, vectors, { p, q });
      }
    }
  }
  return { values: a.map((row, i) => row[i] ?? 0), vectors: vectors.map((row) => [...row]) };
}

function rotate(
  a: readonly Float64Array[],
  vectors: readonly Float64Array[],
  { p, q }: { readonly p: number; readonly q: number },
): void {
  const [rowP, rowQ] = [a[p], a[q]];
  if (!rowP || !rowQ) return;
  const theta = ((rowQ[q] ?? 0) - (rowP[p] ?? 0)) / (2 * (rowP[q] ?? 1));
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  const mix = (row: Float64Array) => {
    const [x, y] = [row[p] ?? 0, row[q] ?? 0];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  };
  for (const row of a) mix(row);
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [rowP[k] ?? 0, rowQ[k] ?? 0];
    rowP[k] = c * x - s * y;
    rowQ[k] = s * x + c * y;
  }
  for (const row of vectors) mix(row);
}
