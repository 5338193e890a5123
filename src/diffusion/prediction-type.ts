import { linearCombination } from './linear-combination.ts';

/** What a model's output means, in diffusers' words: the noise, v, or the clean latents (x_0). */
export type PredictionType = 'epsilon' | 'v_prediction' | 'sample';

/** Those that models here are trained to give. */
export type TrainedType = Exclude<PredictionType, 'sample'>;

/**
 * What a model is trained to give, as [factor of x_0, factor of the noise] by alpha = sqrt(abar_t) and
 * sigma = sqrt(1 - abar_t). v is alpha noise - sigma x_0 (Appendix D, Salimans and Ho 2022).
 */
export const targetCoefficients: Readonly<
  Record<TrainedType, (alpha: number, sigma: number) => [ofX0: number, ofNoise: number]>
> = {
  epsilon: () => [0, 1],
  v_prediction: (alpha, sigma) => [-sigma, alpha],
};

/** A model's output beside the noised latents that it was made from. */
export interface Prediction {
  type: PredictionType;
  /** float32, the shape of `latents` */
  output: Float32Array;
  /** x_t, float32 of any shape, at the variance-preserving scale that the model sees */
  latents: Float32Array;
  /** abar_t of the timestep */
  alphaCumprod: number;
}

/** [factor of the latents, factor of the output] from alpha = sqrt(abar), sigma = sqrt(1 - abar). */
type Coefficients = (alpha: number, sigma: number) => [latents: number, output: number];

const unchanged: Coefficients = () => [0, 1];

/** From x_t = alpha x_0 + sigma eps and v = alpha eps - sigma x_0 (Salimans and Ho 2022). */
const coefficients: Record<PredictionType, Record<PredictionType, Coefficients>> = {
  epsilon: {
    epsilon: unchanged,
    v_prediction: (alpha, sigma) => [-sigma / alpha, 1 / alpha],
    sample: (alpha, sigma) => [1 / alpha, -sigma / alpha],
  },
  v_prediction: {
    epsilon: (alpha, sigma) => [sigma, alpha],
    v_prediction: unchanged,
    sample: (alpha, sigma) => [alpha, -sigma],
  },
  sample: {
    epsilon: (alpha, sigma) => [1 / sigma, -alpha / sigma],
    v_prediction: (alpha, sigma) => [alpha / sigma, -1 / sigma],
    sample: unchanged,
  },
};

/**
 * The same prediction said as another type.
 * @returns float32, the shape of the output; a new array
 */
export function convertPrediction(prediction: Prediction, to: PredictionType): Float32Array {
  const { type, output, latents, alphaCumprod } = prediction;
  const [ofLatents, ofOutput] = coefficients[type][to](
    Math.sqrt(alphaCumprod),
    Math.sqrt(1 - alphaCumprod),
  );
  return linearCombination(ofLatents, latents, ofOutput, output);
}
