import type { GradientGeometry } from './gradient-geometry.ts';
import type { DenoisingBatch } from './trainable-model.ts';

/**
 * Latent entries of a picture of Stable Diffusion v1.4, for which a norm is published (Alberti et al.,
 * arXiv 2503.01034). Losses are sums over entries: so the same norm means the same at every size.
 */
const publishedEntries = 4 * 64 * 64;

/** Latent entries of one picture of a batch. */
export function entriesOf({ noisyLatents, timesteps }: DenoisingBatch): number {
  return noisyLatents.length / timesteps.length;
}

/**
 * λ of gradient ascent whose gradient is brought to a norm, up or down: −s/|∇L_f|, and 0 where that has
 * none. L_f is a sum over entries.
 *
 * @param forgetNorm s for `publishedEntries`; for others in proportion
 * @param entries of one picture
 */
export function ascentAtNorm(
  forgetNorm: number,
  entries: number,
): (geometry: GradientGeometry) => number {
  const norm = (forgetNorm * entries) / publishedEntries;
  return ({ forgetSquare }) => (forgetSquare === 0 ? 0 : -norm / Math.sqrt(forgetSquare));
}
