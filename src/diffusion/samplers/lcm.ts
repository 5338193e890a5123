import { linearCombination } from '../linear-combination.ts';
import { fromUnitNoise, type SigmaStep, stepByStep } from './sigma-space.ts';
import { sigmasOfTimesteps, type SigmaSchedule } from './sigmas.ts';

/** Into so many steps a teacher's drawing was divided when the models were distilled. */
const TEACHER_STEPS = 50;

/**
 * The timesteps of latent consistency models (Luo et al. 2023, arXiv 2310.04378), evenly skipped among
 * those that they were distilled at: 19, 39, …, 999 of 1000. Four steps take 999, 759, 499, 259.
 */
export const lcmSigmas: SigmaSchedule = (schedule, steps) => {
  const total = schedule.alphasCumprod.length;
  const teacher = Math.min(total, Math.max(TEACHER_STEPS, steps));
  const stride = Math.floor(total / teacher);
  const timesteps = Array.from(
    { length: Math.min(steps, teacher) },
    (_, i) => (teacher - Math.floor((i * teacher) / steps)) * stride - 1,
  );
  return sigmasOfTimesteps(schedule, timesteps);
};

/** Standard deviation of the latents, and factor of timesteps, in the boundary condition. */
const [SIGMA_DATA, TIMESTEP_SCALING] = [0.5, 10];

const consistencyStep: SigmaStep = async (latents, { sigma, next }, space) => {
  const s = TIMESTEP_SCALING * space.timestepOf(sigma);
  const skip = SIGMA_DATA ** 2 / (s ** 2 + SIGMA_DATA ** 2);
  const out = s / Math.sqrt(s ** 2 + SIGMA_DATA ** 2);
  // x_t is at the scale that the model sees.
  const x0 = linearCombination(
    out,
    await space.x0At(latents, sigma),
    skip / Math.sqrt(sigma ** 2 + 1),
    latents,
  );
  return next > 0 ? linearCombination(1, x0, next, space.drawNoise()) : x0;
};

/**
 * Multistep consistency sampling (Algorithm 3, Luo et al. 2023): each step goes to x_0 and adds fresh
 * noise of the next level. x_0 is that of the model but for the boundary condition, c_out x_0 + c_skip x_t
 * with c_skip = 0.25 / (s² + 0.25), c_out = s / sqrt(s² + 0.25), s = 10 t: only felt near t = 0.
 */
export const solveLcm = fromUnitNoise(stepByStep(consistencyStep));
