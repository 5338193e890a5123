import { linearCombination } from '../linear-combination.ts';
import { stepByStep } from './sigma-space.ts';

/**
 * Euler's method (Algorithm 2 without its corrections, Karras et al. 2022; `sample_euler` of
 * k-diffusion): x_next = (sigma_next / sigma) x + (1 - sigma_next / sigma) x_0. DDIM with eta = 0 is
 * the same at these noise levels.
 */
export const solveEuler = stepByStep(async (latents, { sigma, next }, { x0At }) => {
  const kept = next / sigma;
  return linearCombination(kept, latents, 1 - kept, await x0At(latents, sigma));
});
