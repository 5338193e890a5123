import {
  mapSamples,
  noiseBetween,
  type NoisedPair,
  type NoisingBatch,
  qSample,
} from './forward-process.ts';
import { linearCombination } from './linear-combination.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import { convertPrediction, targetCoefficients, type TrainedType } from './prediction-type.ts';
import type { Drawing, Process } from './process.ts';
import { continueDdim } from './samplers/ddim.ts';
import { findSampler } from './samplers/registry.ts';
import type { Answer } from './samplers/sampler.ts';
import type { SchedulerDrawing } from './scheduler-drawing.ts';

/**
 * The process of DDPM (Ho et al. 2020), whose noisy latents have unit variance throughout, with a
 * model that predicts the noise or v (Salimans and Ho 2022).
 */
export class VariancePreserving implements Process {
  readonly schedule: NoiseSchedule;
  /** What the model's scheduler says of drawing; null leaves it to samplers. */
  readonly drawing: SchedulerDrawing | null;
  private readonly predictionType: TrainedType;

  constructor(
    schedule: NoiseSchedule,
    predictionType: TrainedType,
    drawing: SchedulerDrawing | null = null,
  ) {
    this.schedule = schedule;
    this.predictionType = predictionType;
    this.drawing = drawing;
  }

  get timesteps(): number {
    return this.schedule.alphasCumprod.length;
  }

  noise(batch: NoisingBatch): Float32Array {
    return qSample(this.schedule, batch);
  }

  noiseBetween(pair: NoisedPair): Float32Array {
    return noiseBetween(this.schedule, pair);
  }

  target(batch: NoisingBatch): Float32Array {
    const coefficients = targetCoefficients[this.predictionType];
    return mapSamples(this.schedule, batch, (alpha, sigma, x0, noise) => {
      const [ofX0, ofNoise] = coefficients(alpha, sigma);
      return linearCombination(ofX0, x0, ofNoise, noise);
    });
  }

  sample({ sampler, ...drawing }: Drawing): Promise<Float32Array> {
    return findSampler(sampler)({ ...drawing, process: this });
  }

  denoise(
    drawing: Pick<Drawing, 'steps' | 'predict'>,
    start: { readonly latents: Float32Array; readonly timestep: number },
  ): Promise<Float32Array> {
    return continueDdim({ ...drawing, process: this }, start);
  }

  /** The clean latents that an answer speaks of, as far as they are believed: float32 [N, C, H, W] */
  toX0(answer: Answer): Float32Array {
    const x0 = convertPrediction({ type: this.predictionType, ...answer }, 'sample');
    const most = this.drawing?.clip ?? null;
    return most === null ? x0 : x0.map((value) => Math.max(-most, Math.min(most, value)));
  }

  /** The noise that an answer speaks of: float32 [N, C, H, W] */
  toNoise(answer: Answer): Float32Array {
    return convertPrediction({ type: this.predictionType, ...answer }, 'epsilon');
  }
}
