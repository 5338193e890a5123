import { linearCombination } from './linear-combination.ts';
import { alphaCumprodAt, type NoiseSchedule } from './noise-schedule.ts';

/** A batch to be noised, each sample to its own timestep. */
export interface NoisingBatch {
  /** Clean latents, float32 [N, C, H, W]. */
  x0: Float32Array;
  /** Standard normal, float32 [N, C, H, W]. */
  noise: Float32Array;
  /** [N], counted from 0. */
  timesteps: readonly number[];
}

/** Clean and noisy latents, float32 [N, C, H, W] each, with the timestep of each sample. */
export interface NoisedPair {
  readonly x0: Float32Array;
  readonly noisyLatents: Float32Array;
  readonly timesteps: readonly number[];
}

/**
 * Samples q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I):
 * x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise (Eq. 4, Ho et al. 2020).
 * @returns noised latents, float32 [N, C, H, W]
 */
export function qSample(schedule: NoiseSchedule, batch: NoisingBatch): Float32Array {
  return mapSamples(schedule, batch, (alpha, sigma, x0, noise) =>
    linearCombination(alpha, x0, sigma, noise),
  );
}

/**
 * The noise that leads from x_0 to x_t: (x_t - sqrt(abar_t) x_0) / sqrt(1 - abar_t). Of a picture
 * that x_t was not made of it is not standard normal: what it is instead says how unlikely that is.
 * @returns float32 [N, C, H, W]
 */
export function noiseBetween(
  schedule: NoiseSchedule,
  { x0, noisyLatents, timesteps }: NoisedPair,
): Float32Array {
  return mapSamples(schedule, { x0, noise: noisyLatents, timesteps }, (alpha, sigma, from, to) =>
    linearCombination(-alpha / sigma, from, 1 / sigma, to),
  );
}

/** A sample's result from alpha = sqrt(abar_t), sigma = sqrt(1 - abar_t), x_0 and the noise. */
type SampleMap = (
  alpha: number,
  sigma: number,
  x0: Float32Array,
  noise: Float32Array,
) => Float32Array;

/**
 * Each sample of a batch by the noise level of its timestep.
 * @returns float32 [N, C, H, W]
 * @throws RangeError for sizes that do not fit each other
 */
export function mapSamples(
  schedule: NoiseSchedule,
  { x0, noise, timesteps }: NoisingBatch,
  map: SampleMap,
): Float32Array {
  const size = x0.length / timesteps.length;
  if (!Number.isInteger(size) || noise.length !== x0.length) {
    throw new RangeError(
      `${timesteps.length} timesteps do not fit ${x0.length} latents and ${noise.length} of noise`,
    );
  }
  const result = new Float32Array(x0.length);
  timesteps.forEach((timestep, n) => {
    const alphaCumprod = alphaCumprodAt(schedule, timestep);
    const [start, end] = [n * size, (n + 1) * size];
    const sample = map(
      Math.sqrt(alphaCumprod),
      Math.sqrt(1 - alphaCumprod),
      x0.subarray(start, end),
      noise.subarray(start, end),
    );
    result.set(sample, start);
  });
  return result;
}
