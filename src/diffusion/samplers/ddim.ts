import { linearCombination } from '../linear-combination.ts';
import { alphaCumprodAt } from '../noise-schedule.ts';
import { spacedTimesteps } from '../scheduler-drawing.ts';
import type { Sampler, SamplingRequest } from './sampler.ts';

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
 * The timesteps of a model with zero terminal SNR, last one first: counted back from the end of the
 * schedule, as drawing must begin where there is nothing but noise ("trailing" in Table 2, Lin et al.
 * 2023).
 * @returns integers, counted from 0, falling
 */
export function trailingTimesteps(steps: number, trainTimesteps: number): number[] {
  return spacedTimesteps({ spacing: 'trailing', stepsOffset: 0 }, steps, trainTimesteps);
}

/** Those that the model's scheduler names, else those that are usual for its schedule. */
export function timestepsOf(
  { schedule: { alphasCumprod }, drawing }: SamplingRequest['process'],
  steps: number,
): number[] {
  if (drawing) return spacedTimesteps(drawing, steps, alphasCumprod.length);
  const endsInNoise = alphasCumprod.at(-1) === 0;
  return (endsInNoise ? trailingTimesteps : ddimTimesteps)(steps, alphasCumprod.length);
}

/**
 * Denoising diffusion implicit models with eta = 0 (Eq. 12, Song et al. 2021):
 * x_prev = sqrt(abar_prev) x_0 + sqrt(1 - abar_prev) eps. The last step goes to abar_0, not to 1,
 * as in CompVis (diffusers: `set_alpha_to_one: false`), unless the model's scheduler says otherwise.
 */
export const sampleDdim: Sampler = (request) =>
  walk(request, request.noise, timestepsOf(request.process, request.steps));

/**
 * The same from latents that are noised to a timestep already: so many steps would lead there from noise
 * alone, and those below it are taken.
 *
 * @param start x_t, float32 [N, C, H, W], and t, counted from 0
 */
export function continueDdim(
  request: Omit<SamplingRequest, 'noise'>,
  { latents, timestep }: { readonly latents: Float32Array; readonly timestep: number },
): Promise<Float32Array> {
  const below = timestepsOf(request.process, request.steps).filter((t) => t < timestep);
  return walk(request, latents, [timestep, ...below]);
}

async function walk(
  { process, predict, onStep }: Omit<SamplingRequest, 'noise'>,
  start: Float32Array,
  timesteps: readonly number[],
): Promise<Float32Array> {
  const { schedule, drawing } = process;
  const last = drawing?.endsClean === true ? 1 : alphaCumprodAt(schedule, 0);
  let latents = start;
  for (const [index, timestep] of timesteps.entries()) {
    const alphaCumprod = alphaCumprodAt(schedule, timestep);
    const next = timesteps[index + 1];
    const alphaCumprodPrev = next === undefined ? last : alphaCumprodAt(schedule, next);
    const output = await predict(latents, timestep);
    const answer = { output, latents, alphaCumprod };
    latents = linearCombination(
      Math.sqrt(alphaCumprodPrev),
      process.toX0(answer),
      Math.sqrt(1 - alphaCumprodPrev),
      process.toNoise(answer),
    );
    onStep?.(index + 1, timesteps.length, latents);
  }
  return latents;
}
