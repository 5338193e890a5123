/** The longest wavelength is 2π times this many timesteps. */
const maxPeriod = 10_000;

/**
 * [cos(t·f₀), …, sin(t·f₀), …] with fᵢ = 10000^(−i / (dim/2)), the sinusoidal position embedding
 * (CompVis/stable-diffusion, ldm/modules/diffusionmodules/util.py, `timestep_embedding`).
 *
 * Computed on the host: WGSL asks only 2⁻¹¹ of a cosine, and nothing where its argument is large.
 *
 * @param timesteps N of them, 0-based
 * @param dim even
 * @param form where it is another one: diffusers' models may have the sines first, and frequencies
 *   10000^(−i / (dim/2 − shift)) (models/embeddings.py, `get_timestep_embedding`)
 * @returns float32 [N, dim]
 */
export function timestepEmbedding(
  timesteps: readonly number[],
  dim: number,
  { sinesFirst = false, shift = 0 }: { sinesFirst?: boolean; shift?: number } = {},
): Float32Array {
  const half = dim / 2;
  const [cosines, sines] = sinesFirst ? [half, 0] : [0, half];
  const embedding = new Float32Array(timesteps.length * dim);
  // Rounded where PyTorch rounds: at t = 999 an error in the last bit of f is one of 1e-4 in t·f.
  const { fround } = Math;
  const slope = fround(-Math.log(maxPeriod));
  for (let i = 0; i < half; i++) {
    const frequency = fround(Math.exp(fround(fround(slope * i) / (half - shift))));
    for (const [row, timestep] of timesteps.entries()) {
      const angle = fround(timestep * frequency);
      embedding[row * dim + cosines + i] = Math.cos(angle);
      embedding[row * dim + sines + i] = Math.sin(angle);
    }
  }
  return embedding;
}
