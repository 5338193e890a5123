import type { NoisedPair, NoisingBatch } from './forward-process.ts';
import type { Predict } from './samplers/sampler.ts';
import type { SamplerName } from './samplers/registry.ts';

/** What a picture is drawn from. */
export interface Drawing {
  readonly sampler: SamplerName;
  readonly steps: number;
  /** Standard normal noise to start from, float32 [N, C, H, W]; not changed. */
  readonly noise: Float32Array;
  readonly predict: Predict;
  /** Standard normal noise, other at each call, for samplers that add some: float32 [N, C, H, W]. */
  readonly drawNoise?: () => Float32Array;
}

/**
 * How a model's training pictures were noised, and what it was trained to say of them. Whoever trains,
 * draws or judges asks this and knows no kind of model by name.
 */
export interface Process {
  /** Timesteps are 0 … `timesteps` − 1, the last with the most noise. */
  readonly timesteps: number;
  /** x_t of each sample at its timestep: float32 [N, C, H, W] */
  noise(batch: NoisingBatch): Float32Array;
  /** The noise that leads from x_0 to x_t: float32 [N, C, H, W]; the inverse of {@link noise}. */
  noiseBetween(pair: NoisedPair): Float32Array;
  /** What the model is trained to answer where x_0 was noised so: float32 [N, C, H, W] */
  target(batch: NoisingBatch): Float32Array;
  /** Draws latents: x_0, float32 [N, C, H, W]. To stop it half-way, throw in `predict`. */
  sample(drawing: Drawing): Promise<Float32Array>;
  /** Denoises latents that are noised to a timestep, as many of `steps` as lie below it: x_0, by DDIM. */
  denoise(
    drawing: Pick<Drawing, 'steps' | 'predict'>,
    start: { readonly latents: Float32Array; readonly timestep: number },
  ): Promise<Float32Array>;
}
