/**
 * Weights the text encoder's output by the emphasis of each token, as AUTOMATIC1111's "Original"
 * emphasis does (modules/sd_emphasis.py of stable-diffusion-webui 1.10): each row is multiplied by
 * its weight, then everything is scaled so that the mean is what it was.
 *
 * Where the weighted mean is zero the scale would be infinite, and is left out.
 *
 * @param hiddenStates float32 [T, D], not changed
 * @param weights [T]
 * @returns float32 [T, D]; `hiddenStates` itself when every weight is 1
 */
export function applyEmphasis(hiddenStates: Float32Array, weights: number[]): Float32Array {
  if (weights.every((weight) => weight === 1)) return hiddenStates;
  const width = hiddenStates.length / weights.length;
  if (!Number.isInteger(width)) {
    throw new RangeError(
      `${hiddenStates.length} values cannot be rows of ${weights.length} weighted tokens`,
    );
  }
  const weighted = new Float64Array(hiddenStates.length);
  weights.forEach((weight, row) => {
    for (let i = row * width; i < (row + 1) * width; i++) {
      weighted[i] = (hiddenStates[i] ?? 0) * weight;
    }
  });
  const scale = sum(hiddenStates) / sum(weighted);
  return Float32Array.from(weighted, (value) => (Number.isFinite(scale) ? value * scale : value));
}

function sum(values: Float32Array | Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
