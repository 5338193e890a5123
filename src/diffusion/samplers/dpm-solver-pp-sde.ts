import { linearCombination } from '../linear-combination.ts';
import { ancestralStep } from './ancestral-step.ts';
import { type SigmaSpace, stepByStep } from './sigma-space.ts';

/**
 * DPM-Solver++ (SDE), the stochastic solver of second order with a look half-way in log sigma
 * (`sample_dpmpp_sde` of k-diffusion, eta 1, r 1/2): with x0 at sigma and x0' at the middle,
 * x_next = (down / sigma) x + (1 - down / sigma) x0' + up noise. The model is asked twice a step, but
 * once in the last.
 */
export const solveDpmPpSde = stepByStep(async (latents, { sigma, next }, space) => {
  const x0 = await space.x0At(latents, sigma);
  if (next === 0) return x0;
  const middle = Math.sqrt(sigma * next);
  const noise = brownianNoise(space, { sigma, middle, next });
  const move = (to: number, direction: Float32Array, added: Float32Array) => {
    const { down, up } = ancestralStep(sigma, to);
    const kept = down / sigma;
    return linearCombination(1, linearCombination(kept, latents, 1 - kept, direction), up, added);
  };
  const halfway = move(middle, x0, noise.toMiddle);
  return move(next, await space.x0At(halfway, middle), noise.toNext);
});

interface BrownianNoise {
  readonly toMiddle: Float32Array;
  readonly toNext: Float32Array;
}

/**
 * Standard normal noise of both parts of a step, from one Brownian path in sigma, of which the way to the
 * middle is a part of the whole.
 */
function brownianNoise(
  { drawNoise }: SigmaSpace,
  { sigma, middle, next }: { sigma: number; middle: number; next: number },
): BrownianNoise {
  const toMiddle = drawNoise();
  const share = (sigma - middle) / (sigma - next);
  const toNext = linearCombination(Math.sqrt(share), toMiddle, Math.sqrt(1 - share), drawNoise());
  return { toMiddle, toNext };
}
