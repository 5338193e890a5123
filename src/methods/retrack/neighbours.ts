import { elementAt } from '../../element-at.ts';
import type { Process } from '../../diffusion/process.ts';
import { isSameSize } from '../../families/latent-sizes.ts';
import { linearCombination } from '../../diffusion/linear-combination.ts';
import type { DatasetItem } from '../../training/dataset.ts';

/**
 * The kept pictures nearest to one to forget, by the distance of their latents, the nearest first: of its size,
 * and of its caption where any is, as under another caption the model is not asked for them.
 *
 * @param count so many, or all there are
 */
export function nearestKept(
  forgotten: DatasetItem,
  kept: readonly DatasetItem[],
  count: number,
): DatasetItem[] {
  const ofSize = kept.filter(({ size }) => isSameSize(size, forgotten.size));
  const ofCaption = ofSize.filter(({ prompt }) => prompt === forgotten.prompt);
  return (ofCaption.length > 0 ? ofCaption : ofSize)
    .map((item) => ({ item, distance: squareDistance(item.latents, forgotten.latents) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ item }) => item);
}

function squareDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return sum;
}

/** A noisy latent of a picture to forget. */
export interface NoisyLatent {
  /** x_t: float32 [C, h, w] */
  readonly noisyLatents: Float32Array;
  /** 0-based */
  readonly timestep: number;
}

/**
 * What a model that had never seen the picture would answer at its noisy latent, if the neighbours were all it
 * knew: Σ_k p_k·y_k with y_k the noise (or v) that leads from neighbour k to x_t, and p_k the share of q(x_t|x_k)
 * in the sum of all (arXiv 2509.13007; p_k is the softmax of −½|noise_k|²). The squared errors to all y_k,
 * weighed by p_k, have the gradient of the squared error to this.
 *
 * @param neighbours x₀ of each: float32 [C, h, w]
 * @returns float32 [C, h, w]
 * @throws RangeError where there is none
 */
export function redirected(
  { noisyLatents, timestep }: NoisyLatent,
  neighbours: readonly Float32Array[],
  process: Process,
): Float32Array {
  if (neighbours.length === 0) throw new RangeError('there is no neighbour to lead to');
  const timesteps = [timestep];
  const ways = neighbours.map((x0) => {
    const noise = process.noiseBetween({ x0, noisyLatents, timesteps });
    const answer = process.target({ x0, noise, timesteps });
    return { answer, logDensity: -squareNorm(noise) / 2 };
  });
  const highest = Math.max(...ways.map(({ logDensity }) => logDensity));
  const densities = ways.map(({ logDensity }) => Math.exp(logDensity - highest));
  const total = densities.reduce((sum, density) => sum + density, 0);
  return ways
    .map(({ answer }, k) => ({ answer, share: elementAt(densities, k) / total }))
    .reduce<Float32Array>(
      (sum, { answer, share }) => linearCombination(1, sum, share, answer),
      new Float32Array(noisyLatents.length),
    );
}

function squareNorm(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value ** 2, 0);
}
