import { AppError } from '../../errors.ts';
import { sampleDdim } from './ddim.ts';
import { createDpmSolverPp2m } from './dpm-solver-pp-2m.ts';
import type { Sampler } from './sampler.ts';
import { discreteSigmas, karrasSigmas } from './sigmas.ts';

/** Every sampler, by the name that AUTOMATIC1111 gives it and writes into a picture's settings. */
const samplers = {
  DDIM: sampleDdim,
  'DPM++ 2M': createDpmSolverPp2m(discreteSigmas),
  'DPM++ 2M Karras': createDpmSolverPp2m(karrasSigmas),
} satisfies Record<string, Sampler>;

export type SamplerName = keyof typeof samplers;

export const samplerNames = Object.keys(samplers) as SamplerName[];

/**
 * The sampler of that name.
 * @throws AppError settings.invalid, listing the names there are
 */
export function findSampler(name: string): Sampler {
  if (Object.hasOwn(samplers, name)) return samplers[name as SamplerName];
  throw new AppError(
    'settings.invalid',
    `there is no sampler "${name}": choose one of ${samplerNames.join(', ')}`,
  );
}
