import { inverse, Matrix } from 'ml-matrix';

import { type DoubleMatrix, type Products, zeroMatrix } from './products.ts';

/**
 * Up to this size a matrix is inverted at once. Larger ones are cut into blocks, whose products the
 * runtime computes: of 2048 columns (SDXL) the decomposition alone would take 13 s in JavaScript.
 */
const mostAtOnce = 128;

/**
 * The inverse of a symmetric positive definite matrix: of [A B; Bᵀ D], with S = D − BᵀA⁻¹B and
 * X = A⁻¹B S⁻¹, it is [A⁻¹ + X(A⁻¹B)ᵀ, −X; −Xᵀ, S⁻¹] (Banachiewicz); S is such a matrix again.
 */
export async function invert(matrix: DoubleMatrix, products: Products): Promise<DoubleMatrix> {
  const { rows: size } = matrix;
  if (size <= mostAtOnce) return invertAtOnce(matrix);
  const half = Math.ceil(size / 2);
  const b = block(matrix, { from: [0, half], rows: half, columns: size - half });
  const d = block(matrix, { from: [half, half], rows: size - half, columns: size - half });
  const corner = block(matrix, { from: [0, 0], rows: half, columns: half });
  const inverseA = await invert(corner, products);
  const t = await products.multiply(inverseA, b);
  const schur = combined(d, -1, await products.multiply(transposed(b), t));
  const inverseS = await invert(schur, products);
  const x = await products.multiply(t, inverseS);
  const whole = zeroMatrix(size);
  const upper = combined(inverseA, 1, await products.multiply(x, transposed(t)));
  const negative = combined(zeroMatrix(x.rows, x.columns), -1, x);
  place(whole, upper, [0, 0]);
  place(whole, negative, [0, half]);
  place(whole, transposed(negative), [half, 0]);
  place(whole, inverseS, [half, half]);
  return whole;
}

function invertAtOnce({ rows, data }: DoubleMatrix): DoubleMatrix {
  const inverted = inverse(Matrix.from1DArray(rows, rows, data));
  return { rows, columns: rows, data: Float64Array.from(inverted.to1DArray()) };
}

function block(
  { columns: stride, data }: DoubleMatrix,
  {
    from: [top, left],
    rows,
    columns,
  }: { from: readonly [number, number]; rows: number; columns: number },
): DoubleMatrix {
  const cut = zeroMatrix(rows, columns);
  for (let row = 0; row < rows; row++) {
    const start = (top + row) * stride + left;
    cut.data.set(data.subarray(start, start + columns), row * columns);
  }
  return cut;
}

function place(
  whole: DoubleMatrix,
  { rows, columns, data }: DoubleMatrix,
  [top, left]: readonly [number, number],
): void {
  for (let row = 0; row < rows; row++) {
    const values = data.subarray(row * columns, (row + 1) * columns);
    whole.data.set(values, (top + row) * whole.columns + left);
  }
}

/** a + s·b */
function combined(a: DoubleMatrix, s: number, b: DoubleMatrix): DoubleMatrix {
  return { ...a, data: a.data.map((value, i) => value + s * (b.data[i] ?? Number.NaN)) };
}

/** The transpose. */
function transposed({ rows, columns, data }: DoubleMatrix): DoubleMatrix {
  const turned = zeroMatrix(columns, rows);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned.data[column * rows + row] = data[row * columns + column] ?? Number.NaN;
    }
  }
  return turned;
}
