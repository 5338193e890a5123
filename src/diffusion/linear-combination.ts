/**
 * a x + b y, element by element, in float64 and rounded once.
 * @throws RangeError when the lengths differ
 */
export function linearCombination(
  a: number,
  x: Float32Array,
  b: number,
  y: Float32Array,
): Float32Array {
  if (x.length !== y.length) {
    throw new RangeError(`cannot combine ${x.length} with ${y.length} values`);
  }
  const result = new Float32Array(x.length);
  // An index loop: this runs over every latent of every step, and is what V8 compiles best.
  for (let i = 0; i < x.length; i++) result[i] = a * (x[i] ?? 0) + b * (y[i] ?? 0);
  return result;
}
