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

/** How beta rises: as diffusers calls it. */
export const betaSchedules = ['linear', 'scaled_linear', 'squaredcos_cap_v2'] as const;
export type BetaSchedule = (typeof betaSchedules)[number];

/** What fixes a schedule: the numbers of an LDM config (`linear_start`, `linear_end`, `timesteps`), or diffusers'. */
export interface NoiseScheduleConfig {
  /** Default: `scaled_linear`, which CompVis calls `linear`. */
  kind?: BetaSchedule;
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

/** A schedule by its numbers; that of Stable Diffusion unless said otherwise. */
export function createNoiseSchedule(
  config: NoiseScheduleConfig = STABLE_DIFFUSION_SCHEDULE,
): NoiseSchedule {
  const { timesteps, zeroTerminalSnr = false } = config;
  const betas = Float64Array.from({ length: timesteps }, (_, t) => betaAt(config, t));
  return scheduleOfBetas(betas, zeroTerminalSnr);
}

/** beta_t, with T timesteps from `start` to `end`. */
function betaAt(
  { kind = 'scaled_linear', linearStart, linearEnd, timesteps }: NoiseScheduleConfig,
  t: number,
): number {
  const between = (start: number, end: number) => start + (t / (timesteps - 1)) * (end - start);
  switch (kind) {
    case 'linear':
      return between(linearStart, linearEnd);
    case 'scaled_linear':
      return between(Math.sqrt(linearStart), Math.sqrt(linearEnd)) ** 2;
    case 'squaredcos_cap_v2':
      return Math.min(1 - cosineAlpha((t + 1) / timesteps) / cosineAlpha(t / timesteps), 0.999);
  }
}

/** alphasCumprod at a share of the schedule, not yet scaled to begin at 1 (Eq. 17, Nichol and Dhariwal 2021). */
function cosineAlpha(share: number): number {
  return Math.cos((((share + 0.008) / 1.008) * Math.PI) / 2) ** 2;
}

/** alphasCumprod_t = prod (1 - beta), for betas that are given. */
export function scheduleOfBetas(betas: Float64Array, zeroTerminalSnr = false): NoiseSchedule {
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
