/** The convolution that devices are tried with: 3×3, on a square of `size` cells. */
export const probeShape = { batch: 2, channels: 160, size: 32 } as const;

/** Its multiplications with an addition. */
export const PROBE_MULTIPLY_ADDS =
  probeShape.batch * probeShape.channels ** 2 * 9 * probeShape.size ** 2;
