import { linearCombination } from '../linear-combination.ts';
import { ancestralStep } from './ancestral-step.ts';
import { stepByStep } from './sigma-space.ts';

/**
 * Euler's method with fresh noise after each step but the last (`sample_euler_ancestral` of k-diffusion,
 * eta 1): x_next = (down / sigma) x + (1 - down / sigma) x_0 + up noise.
 */
export const solveEulerAncestral = stepByStep(
  async (latents, { sigma, next }, { x0At, drawNoise }) => {
    const { down, up } = ancestralStep(sigma, next);
    const kept = down / sigma;
    const moved = linearCombination(kept, latents, 1 - kept, await x0At(latents, sigma));
    return next > 0 ? linearCombination(1, moved, up, drawNoise()) : moved;
  },
);
