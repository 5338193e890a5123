import type { NoiseSchedule } from '../noise-schedule.ts';

/** Picks the noise levels of a sampler: float64 [steps], falling, then a 0. */
export type SigmaSchedule = (schedule: NoiseSchedule, steps: number) => number[];

/** The exponent that Karras et al. found best. */
const KARRAS_RHO = 7;

/**
 * Noise levels of given timesteps, interpolated in log sigma between whole ones.
 * @param timesteps counted from 0, falling
 * @returns float64 [timesteps + 1], the last one 0
 */
export function sigmasOfTimesteps(schedule: NoiseSchedule, timesteps: readonly number[]): number[] {
  const logSigmas = trainLogSigmas(schedule);
  return [...timesteps.map((timestep) => Math.exp(interpolate(logSigmas, timestep))), 0];
}

/**
 * Noise levels at timesteps evenly spaced from the last to 0 (`get_sigmas` of k-diffusion; `Uniform` of
 * AUTOMATIC1111, `normal` of ComfyUI).
 */
export const discreteSigmas: SigmaSchedule = (schedule, steps) =>
  sigmasOfTimesteps(schedule, evenly(schedule.alphasCumprod.length - 1, 0, steps));

/**
 * Noise levels at timesteps evenly spaced from the last on, the step to 0 left out: "trailing" in Table
 * 2, Lin et al. 2023, as Stability's generative-models and the hosts count them (`sgm_uniform`: 999,
 * 749.25, 499.5, 249.75). Distilled models of few steps are drawn at these.
 */
export const sgmUniformSigmas: SigmaSchedule = (schedule, steps) =>
  sigmasOfTimesteps(schedule, evenly(schedule.alphasCumprod.length - 1, 0, steps + 1).slice(0, -1));

/**
 * The same at whole timesteps (`simple` of the hosts: 999, 749, 499, 249), which are diffusers' trailing
 * ones wherever the steps divide the schedule.
 */
export const simpleSigmas: SigmaSchedule = (schedule, steps) => {
  const total = schedule.alphasCumprod.length;
  const timesteps = Array.from(
    { length: steps },
    (_, i) => total - 1 - Math.floor((i * total) / steps),
  );
  return sigmasOfTimesteps(schedule, timesteps);
};

/** Noise levels of Eq. 5, Karras et al. 2022, between the schedule's own least and greatest. */
export const karrasSigmas: SigmaSchedule = (schedule, steps) => {
  const logSigmas = trainLogSigmas(schedule);
  const root = (logSigma: number): number => Math.exp(logSigma / KARRAS_RHO);
  const ramp = evenly(root(logSigmas.at(-1) ?? 0), root(logSigmas[0] ?? 0), steps);
  return [...ramp.map((value) => value ** KARRAS_RHO), 0];
};

/**
 * The timestep whose noise level is sigma, interpolated in log sigma between whole timesteps
 * (`sigma_to_t` of k-diffusion, not quantised).
 * @returns fractional, counted from 0, within the schedule
 */
export function createSigmaToTimestep(schedule: NoiseSchedule): (sigma: number) => number {
  const logSigmas = trainLogSigmas(schedule);
  return (sigma) => {
    const logSigma = Math.log(sigma);
    const above = logSigmas.findIndex((value) => value > logSigma);
    if (above === -1) return logSigmas.length - 1;
    if (above === 0) return 0;
    const [low = 0, high = 0] = logSigmas.slice(above - 1, above + 1);
    return above - 1 + (logSigma - low) / (high - low);
  };
}

/**
 * What counts as no signal: where there is none, sigma is beyond all numbers. AUTOMATIC1111 and
 * ComfyUI take this one, a sigma of some 4500.
 */
const LEAST_ALPHA_CUMPROD = 4.8973451890853435e-8;

/** log sqrt((1 - abar) / abar) of every timestep: noise per unit of signal, rising. */
function trainLogSigmas({ alphasCumprod }: NoiseSchedule): number[] {
  return Array.from(alphasCumprod, (value) => {
    const alpha = Math.max(value, LEAST_ALPHA_CUMPROD);
    return 0.5 * Math.log((1 - alpha) / alpha);
  });
}

function interpolate(values: number[], position: number): number {
  const low = Math.floor(position);
  const [a = 0, b = a] = values.slice(low, low + 2);
  return a + (position - low) * (b - a);
}

/** `count` numbers from `first` to `last`, both included; `first` alone where count is 1. */
function evenly(first: number, last: number, count: number): number[] {
  const increment = count > 1 ? (last - first) / (count - 1) : 0;
  return Array.from({ length: count }, (_, i) =>
    i === count - 1 && i > 0 ? last : first + i * increment,
  );
}
