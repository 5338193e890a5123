import { linearCombination } from '../linear-combination.ts';
import { sigmaAt, type Solver } from './sigma-space.ts';

/**
 * DPM-Solver++(2M), the multistep solver of second order (Algorithm 2, Lu et al. 2022), written as
 * `sample_dpmpp_2m` of k-diffusion, which the hosts run: time is lambda = -log sigma.
 *
 * With h = lambda_next - lambda and r = h_last / h:
 * D = (1 + 1 / 2r) x0 - 1 / 2r x0_last (x0 in the first and the last step),
 * x_next = (sigma_next / sigma) x - (exp(-h) - 1) D.
 */
export const solveDpmPp2m: Solver = async ({ sigmas, start, x0At, onStep }) => {
  const steps = sigmas.length - 1;
  let latents = start;
  let lastX0: Float32Array | undefined;
  for (let i = 0; i < steps; i++) {
    const [sigma, next] = [sigmaAt(sigmas, i), sigmaAt(sigmas, i + 1)];
    const x0 = await x0At(latents, sigma);
    let direction = x0;
    if (lastX0 && next > 0) {
      const r = Math.log(sigmaAt(sigmas, i - 1) / sigma) / Math.log(sigma / next);
      direction = linearCombination(1 + 1 / (2 * r), x0, -1 / (2 * r), lastX0);
    }
    // exp(-h) is next / sigma; at 0 the step lands on x0.
    latents = linearCombination(next / sigma, latents, 1 - next / sigma, direction);
    lastX0 = x0;
    onStep(i + 1, steps, latents);
  }
  return latents;
};
