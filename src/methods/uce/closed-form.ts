import { invert } from './inverse.ts';
import { type DoubleMatrix, type Products, zeroMatrix } from './products.ts';
import type { StatePair } from './token-states.ts';

/** Rows of states that are added up at once. */
const rowsAtOnce = 512;

/**
 * The edit that all keys and values share. UCE (Eq. 7, arXiv 2308.14761) makes of W
 * (λW + Σ s v*cᵀ)(λI + Σ s ccᵀ)⁻¹, with v* = Wg the old value of the anchor's state g, for kept prompts
 * of the state itself. W can be taken out: what is left, W + W·U, has
 * U = Σ s (g − c)cᵀ · (λI + Σ s ccᵀ)⁻¹ in common to all matrices that read the prompt.
 *
 * @param width D, entries of a token's state
 * @returns U: [D, D]
 */
export async function solveEdit(
  pairs: readonly StatePair[],
  { width, regularization }: { readonly width: number; readonly regularization: number },
  products: Products,
): Promise<DoubleMatrix> {
  const moment = zeroMatrix(width);
  for (let i = 0; i < width; i++) moment.data[i * width + i] = regularization;
  let sums = { moment, cross: zeroMatrix(width) };
  for (const part of filledParts(pairs, width)) sums = await products.accumulate(sums, part);
  return products.multiply(sums.cross, await invert(sums.moment, products));
}

/** The pairs of each scale in parts of one size; rows of zeros fill the last and add nothing. */
function* filledParts(pairs: readonly StatePair[], width: number): Generator<StatePair> {
  for (const scale of new Set(pairs.map((pair) => pair.scale))) {
    const alike = pairs.filter((pair) => pair.scale === scale);
    const size = rowsAtOnce * width;
    let [from, to, used] = [new Float32Array(size), new Float32Array(size), 0];
    for (const pair of alike) {
      for (let row = 0; row < pair.from.length; row += width) {
        from.set(pair.from.subarray(row, row + width), used);
        to.set(pair.to.subarray(row, row + width), used);
        used += width;
        if (used < size) continue;
        yield { from, to, scale };
        [from, to, used] = [new Float32Array(size), new Float32Array(size), 0];
      }
    }
    if (used > 0) yield { from, to, scale };
  }
}
