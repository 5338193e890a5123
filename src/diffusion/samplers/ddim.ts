import { linearCombination } from '../linear-combination.ts';
import { alphaCumprodAt } from '../noise-schedule.ts';
import { convertPrediction } from '../prediction-type.ts';
import type { Sampler } from './sampler.ts';

/**
 * The timesteps that DDIM visits, last one first: every (T / steps)-th, plus one
 * (`make_ddim_timesteps` 'uniform' of CompVis, clipped as in AUTOMATIC1111). As there, a count of
 * steps that does not divide T gives some more: 30 gives 31.
 * @returns integers, counted from 0, falling
 */
export function ddimTimesteps(steps: number, trainTimesteps: number): number[] {
  const stride = Math.max(1, Math.floor(trainTimesteps / steps));
  const count = Math.ceil(trainTimesteps / stride);
  return Array.from({ length: count }, (_, i) =>
    Math.min(i * stride + 1, trainTimesteps - 1),
  ).reverse();
}

/**
 * Denoising diffusion implicit models with eta = 0 (Eq. 12, Song et al. 2021):
 * x_prev = sqrt(abar_prev) x_0 + sqrt(1 - abar_prev) eps. The last step goes to abar_0, not to 1,
 * as in CompVis (diffusers: `set_alpha_to_one: false`).
 */
export const sampleDdim: Sampler = async (request) => {
  const { schedule, predictionType: type, predict, steps, onStep } = request;
  const timesteps = ddimTimesteps(steps, schedule.alphasCumprod.length);
  let latents = request.noise;
  for (const [index, timestep] of timesteps.entries()) {
    const alphaCumprod = alphaCumprodAt(schedule, timestep);
    const alphaCumprodPrev = alphaCumprodAt(schedule, timesteps[index + 1] ?? 0);
    const output = await predict(latents, timestep);
    const prediction = { type, output, latents, alphaCumprod };
    latents = linearCombination(
      Math.sqrt(alphaCumprodPrev),
      convertPrediction(prediction, 'sample'),
      Math.sqrt(1 - alphaCumprodPrev),
      convertPrediction(prediction, 'epsilon'),
    );
    onStep?.(index + 1, timesteps.length, latents);
  }
  return latents;
};
