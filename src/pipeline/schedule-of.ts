import type { Checkpoint } from '../families/checkpoint.ts';
import { createNoiseSchedule, type NoiseSchedule } from '../diffusion/noise-schedule.ts';

/** The noise schedule that a checkpoint was trained with. */
export function scheduleOf({ architecture }: Pick<Checkpoint, 'architecture'>): NoiseSchedule {
  const { betaStart, betaEnd, timesteps, zeroTerminalSnr } = architecture.diffusion;
  return createNoiseSchedule({
    linearStart: betaStart,
    linearEnd: betaEnd,
    timesteps,
    zeroTerminalSnr,
  });
}
