import { AppError } from '../../errors.ts';
import { sampleDdim } from './ddim.ts';
import { sampleDdpm } from './ddpm.ts';
import { solveDpmPp2m } from './dpm-solver-pp-2m.ts';
import { solveDpmPpSde } from './dpm-solver-pp-sde.ts';
import { solveEulerAncestral } from './euler-ancestral.ts';
import { solveEuler } from './euler.ts';
import { lcmSigmas, solveLcm } from './lcm.ts';
import type { Sampler } from './sampler.ts';
import { fromUnitNoise, overSigmas, type Solver } from './sigma-space.ts';
import {
  discreteSigmas,
  karrasSigmas,
  sgmUniformSigmas,
  type SigmaSchedule,
  simpleSigmas,
} from './sigmas.ts';
import { solveUniPc } from './uni-pc.ts';

/** How steps are taken: at the steps that are the sampler's usual ones, or over a schedule. */
interface SolverEntry {
  readonly usual: Sampler;
  readonly solve: Solver;
}

const entry = (solve: Solver, usual = overSigmas(solve, discreteSigmas)): SolverEntry => ({
  usual,
  solve,
});

/** Every solver, by the name that AUTOMATIC1111 gives it and writes into a picture's settings. */
const solvers = {
  DDIM: entry(fromUnitNoise(solveEuler), sampleDdim),
  // Its step between two levels is that of Euler's ancestral method (`ancestralStep`).
  DDPM: entry(fromUnitNoise(solveEulerAncestral), sampleDdpm),
  Euler: entry(solveEuler),
  'Euler a': entry(solveEulerAncestral),
  'DPM++ 2M': entry(solveDpmPp2m),
  'DPM++ SDE': entry(solveDpmPpSde),
  UniPC: entry(solveUniPc),
  LCM: entry(solveLcm, overSigmas(solveLcm, lcmSigmas)),
} satisfies Record<string, SolverEntry>;

/** Every schedule that is no solver's usual one, by AUTOMATIC1111's names too. */
const schedules = {
  Karras: karrasSigmas,
  'SGM Uniform': sgmUniformSigmas,
  Simple: simpleSigmas,
} satisfies Record<string, SigmaSchedule>;

export type SolverName = keyof typeof solvers;
export type ScheduleName = keyof typeof schedules;

/** A solver, with its usual steps or, after a space, a schedule: `DPM++ 2M Karras`. */
export type SamplerName = SolverName | `${SolverName} ${ScheduleName}`;

export const solverNames = Object.keys(solvers) as SolverName[];
export const scheduleNames = Object.keys(schedules) as ScheduleName[];

/** All names there are. */
export const samplerNames: readonly SamplerName[] = solverNames.flatMap((solver) => [
  solver,
  ...scheduleNames.map((schedule) => `${solver} ${schedule}` as const),
]);

/** The two parts of a name; no schedule is the solver's usual steps. */
export interface SamplerParts {
  readonly solver: SolverName;
  readonly schedule: ScheduleName | null;
}

/**
 * The parts of a sampler's name.
 * @throws AppError settings.invalid, saying what there is
 */
export function samplerParts(name: string): SamplerParts {
  const schedule = scheduleNames.find((known) => name.endsWith(` ${known}`)) ?? null;
  const solver = schedule === null ? name : name.slice(0, -schedule.length - 1);
  if (Object.hasOwn(solvers, solver)) return { solver: solver as SolverName, schedule };
  throw new AppError('settings.invalid', `there is no sampler "${name}": ${samplerChoice}`);
}

/** What can be chosen, as the end of a sentence. */
export const samplerChoice = `choose one of ${solverNames.join(', ')}, alone or with one of ${scheduleNames.join(', ')} after it`;

/**
 * The sampler of that name.
 * @throws AppError settings.invalid, saying what there is
 */
export function findSampler(name: string): Sampler {
  const { solver, schedule } = samplerParts(name);
  const { usual, solve } = solvers[solver];
  return schedule === null ? usual : overSigmas(solve, schedules[schedule]);
}
