/** Where a scheduler of diffusers takes its steps. (Table 2, Lin et al. 2023, arXiv 2305.08891) */
export const timestepSpacings = ['leading', 'linspace', 'trailing'] as const;

/** How the scheduler that a model comes with draws, in diffusers' words: what a schedule of noise leaves open. */
export interface SchedulerDrawing {
  readonly spacing: (typeof timestepSpacings)[number];
  /** Added to each timestep where they are evenly spaced from 0 (`leading`). */
  readonly stepsOffset: number;
  /** Largest magnitude of x_0 that is believed, in [-1, 1] of pixels; null for any. */
  readonly clip: number | null;
  /** Variance of what DDPM's sampler adds: that of the posterior (`small`) or beta (`large`; both Ho et al. 2020). */
  readonly variance: 'small' | 'large';
  /** Whether DDIM's last step goes to abar = 1 instead of that of timestep 0. */
  readonly endsClean: boolean;
}

/**
 * The timesteps of a drawing in so many steps, as diffusers' `set_timesteps` picks them.
 *
 * @param total of the schedule
 * @returns integers, counted from 0, falling; never more than the schedule has
 */
export function spacedTimesteps(
  { spacing, stepsOffset }: Pick<SchedulerDrawing, 'spacing' | 'stepsOffset'>,
  steps: number,
  total: number,
): number[] {
  const count = Math.min(steps, total);
  const indices = Array.from({ length: count }, (_, i) => i);
  switch (spacing) {
    case 'leading': {
      const stride = Math.floor(total / count);
      return indices.map((i) => Math.min(i * stride + stepsOffset, total - 1)).reverse();
    }
    case 'linspace': {
      const stride = count === 1 ? 0 : (total - 1) / (count - 1);
      return indices.map((i) => roundHalfToEven(i * stride)).reverse();
    }
    case 'trailing':
      return indices.map((i) => roundHalfToEven(total - (i * total) / count) - 1);
  }
}

/** As numpy rounds, and so diffusers. */
function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
