/** Lower and upper bound. */
export type Interval = readonly [low: number, high: number];

/** The standard normal distribution's quantile for a confidence of 95 %. */
const z = 1.959964;

/**
 * Wilson's score interval of a share (Wilson 1927), which is right for few pictures and near 0 and 1,
 * where the usual one has no width.
 *
 * @param values 0 or 1 each
 */
export function shareInterval(values: readonly number[]): Interval {
  const n = values.length;
  const share = values.reduce((sum, value) => sum + value, 0) / n;
  const centre = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + (z / (2 * n)) ** 2);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/**
 * The normal interval of a mean. Of differences, picture by picture from the same noise, it is the
 * paired interval of a change.
 */
export function meanInterval(values: readonly number[]): Interval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return [mean, mean];
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = z * Math.sqrt(variance / n);
  return [mean - half, mean + half];
}
