import type { NoiseSchedule } from '../noise-schedule.ts';
import type { SchedulerDrawing } from '../scheduler-drawing.ts';

/**
 * The model, guidance included.
 * @param latents x_t, float32 [N, C, H, W], variance-preserving scale; not to be changed or kept
 * @param timestep counted from 0, may be fractional
 * @returns the prediction, float32 [N, C, H, W]
 */
export type Predict = (latents: Float32Array, timestep: number) => Promise<Float32Array>;

/** An answer of the model, beside the noisy latents that it was asked about. */
export interface Answer {
  /** float32 [N, C, H, W] */
  readonly output: Float32Array;
  /** x_t: float32 [N, C, H, W] */
  readonly latents: Float32Array;
  /** abar of the noise level, which samplers also choose between two timesteps. */
  readonly alphaCumprod: number;
}

/** What samplers ask of a process whose noisy latents have unit variance throughout. */
export interface SampledProcess {
  readonly schedule: NoiseSchedule;
  /** What the model's scheduler says of drawing; null, and by default, leaves it to samplers. */
  readonly drawing?: SchedulerDrawing | null;
  /** The clean latents that an answer speaks of, as far as they are believed: float32 [N, C, H, W] */
  toX0(answer: Answer): Float32Array;
  /** The noise that an answer speaks of: float32 [N, C, H, W] */
  toNoise(answer: Answer): Float32Array;
}

export interface SamplingRequest {
  /** Standard normal noise to start from, float32 [N, C, H, W]; not changed. */
  noise: Float32Array;
  steps: number;
  /** Has the noise levels, and says what `predict` returns. */
  process: SampledProcess;
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
