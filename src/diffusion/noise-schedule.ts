/** How much noise each timestep of training carries. Timesteps count from 0 (least noise). */
export interface NoiseSchedule {
  /** float64 [timesteps]: variance added at each timestep. */
  readonly betas: Float64Array;
  /**
   * float64 [timesteps]: share of the signal's variance left, falling from just below 1; the last one
   * is 0 with zero terminal SNR.
   */
  readonly alphasCumprod: Float64Array;
}

/** The three numbers of an LDM config (`linear_start`, `linear_end`, `timesteps`) that fix it. */
export interface NoiseScheduleConfig {
  linearStart: number;
  linearEnd: number;
  timesteps: number;
  /** Whether it is rescaled to end in pure noise. Default: not. */
  zeroTerminalSnr?: boolean;
}

/** What SD 1.x, SD 2.x and SDXL were trained with. */
const STABLE_DIFFUSION_SCHEDULE: NoiseScheduleConfig = {
  linearStart: 0.00085,
  linearEnd: 0.012,
  timesteps: 1000,
};

/**
 * The schedule that diffusers calls `scaled_linear` and CompVis `linear`:
 * beta_t = (sqrt(start) + t / (T - 1) (sqrt(end) - sqrt(start)))^2, alphasCumprod_t = prod (1 - beta).
 */
export function createNoiseSchedule({
  linearStart,
  linearEnd,
  timesteps,
  zeroTerminalSnr = false,
}: NoiseScheduleConfig = STABLE_DIFFUSION_SCHEDULE): NoiseSchedule {
  const first = Math.sqrt(linearStart);
  const increment = (Math.sqrt(linearEnd) - first) / (timesteps - 1);
  const betas = Float64Array.from({ length: timesteps }, (_, t) => (first + t * increment) ** 2);
  let product = 1;
  const alphasCumprod = betas.map((beta) => (product *= 1 - beta));
  return zeroTerminalSnr ? rescaleToZero(alphasCumprod) : { betas, alphasCumprod };
}

/**
 * The same schedule with no signal left at its end (Algorithm 1, Lin et al. 2023, arXiv 2305.08891):
 * sqrt(alphasCumprod) is shifted so that the last one is 0, then scaled so that the first one is what
 * it was.
 */
function rescaleToZero(alphasCumprod: Float64Array): NoiseSchedule {
  const first = Math.sqrt(alphasCumprod[0] ?? 0);
  const last = Math.sqrt(alphasCumprod.at(-1) ?? 0);
  const rescaled = alphasCumprod.map(
    (value) => (((Math.sqrt(value) - last) * first) / (first - last)) ** 2,
  );
  const betas = rescaled.map((value, t) => 1 - value / (t === 0 ? 1 : (rescaled[t - 1] ?? 1)));
  return { betas, alphasCumprod: rescaled };
}

/**
 * alphasCumprod at a timestep.
 * @throws RangeError for a timestep that the schedule does not have: the caller's mistake.
 */
export function alphaCumprodAt(schedule: NoiseSchedule, timestep: number): number {
  const value = schedule.alphasCumprod[timestep];
  if (value === undefined) {
    throw new RangeError(
      `timestep ${timestep} is outside the schedule's 0 to ${schedule.alphasCumprod.length - 1}`,
    );
  }
  return value;
}
