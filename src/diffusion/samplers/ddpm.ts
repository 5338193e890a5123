import { linearCombination } from '../linear-combination.ts';
import { alphaCumprodAt } from '../noise-schedule.ts';
import { timestepsOf } from './ddim.ts';
import type { Sampler } from './sampler.ts';

/** What a variance is at least, as diffusers has it. */
const LEAST_VARIANCE = 1e-20;

/**
 * Ancestral sampling of DDPM (Algorithm 2 and Eq. 7, Ho et al. 2020), in as many steps of the schedule as
 * are asked for:
 * x_prev = sqrt(abar_prev) beta / (1 - abar) x_0 + sqrt(1 - beta) (1 - abar_prev) / (1 - abar) x + sigma noise
 * with beta = 1 - abar / abar_prev, and sigma² = (1 - abar_prev) / (1 - abar) beta or beta, as the model's
 * scheduler says. No noise is added at timestep 0.
 */
export const sampleDdpm: Sampler = async ({
  process,
  noise,
  steps,
  predict,
  drawNoise,
  onStep,
}) => {
  const { schedule, drawing } = process;
  const timesteps = timestepsOf(process, steps);
  let latents = noise;
  for (const [index, timestep] of timesteps.entries()) {
    const alphaCumprod = alphaCumprodAt(schedule, timestep);
    const next = timesteps[index + 1];
    const alphaCumprodPrev = next === undefined ? 1 : alphaCumprodAt(schedule, next);
    const beta = 1 - alphaCumprod / alphaCumprodPrev;
    const share = (1 - alphaCumprodPrev) / (1 - alphaCumprod);
    const x0 = process.toX0({ output: await predict(latents, timestep), latents, alphaCumprod });
    const ofX0 = (Math.sqrt(alphaCumprodPrev) * beta) / (1 - alphaCumprod);
    latents = linearCombination(ofX0, x0, Math.sqrt(1 - beta) * share, latents);
    if (timestep > 0) {
      if (!drawNoise) throw new RangeError('this sampler adds noise, and nothing draws any');
      const variance =
        drawing?.variance === 'large' ? beta : Math.max(share * beta, LEAST_VARIANCE);
      latents = linearCombination(1, latents, Math.sqrt(variance), drawNoise());
    }
    onStep?.(index + 1, timesteps.length, latents);
  }
  return latents;
};
