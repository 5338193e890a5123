import { linearCombination } from '../linear-combination.ts';
import type { Sampler } from './sampler.ts';
import { createSigmaToTimestep, type SigmaSchedule } from './sigmas.ts';

/**
 * DPM-Solver++(2M), the multistep solver of second order (Algorithm 2, Lu et al. 2022), over the
 * given noise levels, written as `sample_dpmpp_2m` of k-diffusion, which the hosts run: latents are
 * x_0 + sigma eps, time is lambda = -log sigma.
 *
 * With h = lambda_next - lambda and r = h_last / h:
 * D = (1 + 1 / 2r) x0 - 1 / 2r x0_last (x0 in the first and the last step),
 * x_next = (sigma_next / sigma) x - (exp(-h) - 1) D.
 */
export function createDpmSolverPp2m(sigmaSchedule: SigmaSchedule): Sampler {
  return async ({ noise, steps, process, predict, onStep }) => {
    const { schedule } = process;
    const sigmas = sigmaSchedule(schedule, steps);
    const toTimestep = createSigmaToTimestep(schedule);
    let latents: Float32Array = noise.map((value) => value * sigmaAt(sigmas, 0));
    let lastX0: Float32Array | undefined;
    for (let i = 0; i < steps; i++) {
      const sigma = sigmaAt(sigmas, i);
      const sigmaNext = sigmaAt(sigmas, i + 1);
      const alphaCumprod = 1 / (sigma ** 2 + 1);
      const scaled = latents.map((value) => value * Math.sqrt(alphaCumprod));
      const output = await predict(scaled, toTimestep(sigma));
      const x0 = process.toX0({ output, latents: scaled, alphaCumprod });

      let direction: Float32Array = x0;
      if (lastX0 && sigmaNext > 0) {
        const r = Math.log(sigmaAt(sigmas, i - 1) / sigma) / Math.log(sigma / sigmaNext);
        direction = linearCombination(1 + 1 / (2 * r), x0, -1 / (2 * r), lastX0);
      }
      // exp(-h) is sigmaNext / sigma; at sigmaNext = 0 the step lands on x0.
      latents = linearCombination(sigmaNext / sigma, latents, 1 - sigmaNext / sigma, direction);
      lastX0 = x0;
      onStep?.(i + 1, steps, latents);
    }
    return latents;
  };
}

function sigmaAt(sigmas: number[], index: number): number {
  const sigma = sigmas[index];
  if (sigma === undefined) throw new RangeError(`no noise level ${index} among ${sigmas.length}`);
  return sigma;
}
