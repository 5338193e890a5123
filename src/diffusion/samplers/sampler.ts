import type { VariancePreserving } from '../variance-preserving.ts';

/**
 * The model, guidance included.
 * @param latents x_t, float32 [N, C, H, W], variance-preserving scale; not to be changed or kept
 * @param timestep counted from 0, may be fractional
 * @returns the prediction, float32 [N, C, H, W]
 */
export type Predict = (latents: Float32Array, timestep: number) => Promise<Float32Array>;

export interface SamplingRequest {
  /** Standard normal noise to start from, float32 [N, C, H, W]; not changed. */
  noise: Float32Array;
  steps: number;
  /** Has the noise levels, and says what `predict` returns. */
  process: Pick<VariancePreserving, 'schedule' | 'toX0' | 'toNoise'> &
    Partial<Pick<VariancePreserving, 'drawing'>>;
  predict: Predict;
  /** Standard normal noise, other at each call, for samplers that add some: float32 [N, C, H, W]. */
  drawNoise?: (() => Float32Array) | undefined;
  /** Called after each step (counted from 1) with how many there are and the latents so far. */
  onStep?: (step: number, stepCount: number, latents: Float32Array) => void;
}

/**
 * Draws latents from noise. To stop it half-way, throw in `predict` or `onStep`.
 * @returns x_0, float32 [N, C, H, W], to be divided by the VAE's scaling factor and decoded
 */
export type Sampler = (request: SamplingRequest) => Promise<Float32Array>;
