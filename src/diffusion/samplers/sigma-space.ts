import type { Sampler, SamplingRequest } from './sampler.ts';
import { createSigmaToTimestep, type SigmaSchedule } from './sigmas.ts';

/** A drawing as the hosts' solvers see it: latents are x_0 + sigma eps, float32 [N, C, H, W]. */
export interface SigmaSpace {
  /** Noise levels, falling; the last one is 0. */
  readonly sigmas: readonly number[];
  /** Pure noise of the first level. */
  readonly start: Float32Array;
  /** The clean latents that the model sees in latents of a noise level. */
  readonly x0At: (latents: Float32Array, sigma: number) => Promise<Float32Array>;
  /** The model's timestep of a noise level: counted from 0, may be fractional. */
  readonly timestepOf: (sigma: number) => number;
  /** Standard normal noise, other at each call: float32 [N, C, H, W]. */
  readonly drawNoise: () => Float32Array;
  /** To be called after each step, with the latents that it led to. */
  readonly onStep: NonNullable<SamplingRequest['onStep']>;
}

/** Leads from the first noise level to the last. @returns x_0, float32 [N, C, H, W] */
export type Solver = (space: SigmaSpace) => Promise<Float32Array>;

/** What takes one step of a solver that looks at nothing but where it stands. */
export type SigmaStep = (
  latents: Float32Array,
  levels: { readonly sigma: number; readonly next: number },
  space: SigmaSpace,
) => Promise<Float32Array>;

/** A solver whose steps know nothing of each other. */
export function stepByStep(step: SigmaStep): Solver {
  return async (space) => {
    let latents = space.start;
    const count = space.sigmas.length - 1;
    for (const [i, sigma] of space.sigmas.slice(0, -1).entries()) {
      latents = await step(latents, { sigma, next: sigmaAt(space.sigmas, i + 1) }, space);
      space.onStep(i + 1, count, latents);
    }
    return latents;
  };
}

/** A solver over the noise levels that a schedule picks. */
export function overSigmas(solve: Solver, sigmaSchedule: SigmaSchedule): Sampler {
  return ({ noise, steps, process, predict, drawNoise, onStep }) => {
    const sigmas = sigmaSchedule(process.schedule, steps);
    const timestepOf = createSigmaToTimestep(process.schedule);
    return solve({
      sigmas,
      start: scale(noise, sigmaAt(sigmas, 0)),
      async x0At(latents, sigma) {
        const alphaCumprod = 1 / (sigma ** 2 + 1);
        const scaled = scale(latents, Math.sqrt(alphaCumprod));
        const output = await predict(scaled, timestepOf(sigma));
        return process.toX0({ output, latents: scaled, alphaCumprod });
      },
      timestepOf,
      drawNoise() {
        if (!drawNoise) throw new RangeError('this sampler adds noise, and nothing draws any');
        return drawNoise();
      },
      onStep: onStep ?? (() => undefined),
    });
  };
}

/**
 * The same from noise of variance sigma² + 1, which is 1 at the model's scale: where samplers start that are
 * written at that scale.
 */
export function fromUnitNoise(solve: Solver): Solver {
  return (space) => {
    const sigma = sigmaAt(space.sigmas, 0);
    return solve({ ...space, start: scale(space.start, Math.sqrt(1 + 1 / sigma ** 2)) });
  };
}

/** @throws RangeError for a level that there is not */
export function sigmaAt(sigmas: readonly number[], index: number): number {
  const sigma = sigmas[index];
  if (sigma === undefined) throw new RangeError(`no noise level ${index} among ${sigmas.length}`);
  return sigma;
}

function scale(values: Float32Array, factor: number): Float32Array {
  return values.map((value) => value * factor);
}
