import {
  type SamplerName,
  samplerParts,
  type ScheduleName,
  scheduleNames,
  type SolverName,
} from './registry.ts';

/** ComfyUI's name of each solver (`sampler_name`). */
const comfySolvers: Readonly<Record<SolverName, string>> = {
  DDIM: 'ddim',
  DDPM: 'ddpm',
  Euler: 'euler',
  'Euler a': 'euler_ancestral',
  'DPM++ 2M': 'dpmpp_2m',
  'DPM++ SDE': 'dpmpp_sde',
  UniPC: 'uni_pc',
  LCM: 'lcm',
};

/** ComfyUI's name of each schedule (`scheduler`). */
const comfySchedules: Readonly<Record<ScheduleName, string>> = {
  Karras: 'karras',
  'SGM Uniform': 'sgm_uniform',
  Simple: 'simple',
};

/** What else a solver is called: by diffusers' classes, and by older releases of hosts. */
const otherNames: Readonly<Record<string, SolverName>> = {
  'Euler Ancestral': 'Euler a',
  k_euler: 'Euler',
  k_euler_a: 'Euler a',
  k_euler_ancestral: 'Euler a',
  k_dpmpp_2m: 'DPM++ 2M',
  k_dpmpp_sde: 'DPM++ SDE',
  dpmpp_sde_gpu: 'DPM++ SDE',
  DDIMScheduler: 'DDIM',
  EulerDiscreteScheduler: 'Euler',
  EulerAncestralDiscreteScheduler: 'Euler a',
  DPMSolverMultistepScheduler: 'DPM++ 2M',
  DPMSolverSDEScheduler: 'DPM++ SDE',
  UniPCMultistepScheduler: 'UniPC',
  LCMScheduler: 'LCM',
};

/** What hosts call the steps that are usual here. */
const usualSteps = ['Uniform', 'Normal'];
/** What they call those of DDIM, at which Euler's method is the same. */
const ddimSteps = ['DDIM', 'ddim_uniform'];

/** Those that AUTOMATIC1111 (from 1.9 on) and Forge take Karras' noise levels for on `Automatic`. */
const karrasByDefault: readonly SolverName[] = ['DPM++ 2M', 'DPM++ SDE'];

/** Case, spaces and punctuation apart; `++` is `pp` where no sign may stand. */
const keyOf = (text: string) =>
  text
    .toLowerCase()
    .replaceAll('++', 'pp')
    .replaceAll(/[^a-z0-9]/g, '');

const solverByKey = new Map<string, SolverName>(
  [
    ...Object.keys(comfySolvers).map((name) => [name, name]),
    ...Object.entries(comfySolvers).map(([name, comfy]) => [comfy, name]),
    ...Object.entries(otherNames),
  ].map(([text = '', name]) => [keyOf(text), name as SolverName]),
);

const scheduleByKey = new Map<string, ScheduleName | null>([
  ...scheduleNames.map((name): [string, ScheduleName] => [keyOf(name), name]),
  ...usualSteps.map((name): [string, null] => [keyOf(name), null]),
]);

/**
 * The sampler that people, AUTOMATIC1111 and its kin, ComfyUI or diffusers call so, in any case: `euler a`,
 * `DPM++ 2M Karras`, `dpmpp_2m` with the schedule `karras`, `LCMScheduler`.
 *
 * @param schedule where a host tells it apart: `Schedule type` of AUTOMATIC1111, `scheduler` of ComfyUI
 * @returns null for what is no sampler of this program
 */
export function readSamplerName(text: string, schedule = ''): SamplerName | null {
  const given = keyOf(schedule);
  const named = readKey(keyOf(text));
  if (named === null || given === '') return named;
  const { solver } = samplerParts(named);
  if (given === 'automatic') {
    return named === solver && karrasByDefault.includes(solver) ? `${solver} Karras` : named;
  }
  if (ddimSteps.some((name) => keyOf(name) === given)) {
    return solver === 'DDIM' || solver === 'Euler' ? 'DDIM' : null;
  }
  const found = scheduleByKey.get(given);
  if (found === undefined) return null;
  return found === null ? solver : `${solver} ${found}`;
}

function readKey(key: string): SamplerName | null {
  const alone = solverByKey.get(key);
  if (alone) return alone;
  for (const [end, schedule] of scheduleByKey) {
    const solver = key.endsWith(end) ? solverByKey.get(key.slice(0, -end.length)) : undefined;
    if (solver) return schedule === null ? solver : `${solver} ${schedule}`;
  }
  return null;
}

/** How ComfyUI's KSampler is asked for a sampler. */
export function comfyNames(name: SamplerName): { sampler_name: string; scheduler: string } {
  const { solver, schedule } = samplerParts(name);
  return {
    sampler_name: comfySolvers[solver],
    scheduler: schedule === null ? usualComfySchedule(solver) : comfySchedules[schedule],
  };
}

function usualComfySchedule(solver: SolverName): string {
  if (solver === 'DDIM') return 'ddim_uniform';
  // It knows no skipped timesteps; these are nearest.
  return solver === 'LCM' ? 'sgm_uniform' : 'normal';
}

/**
 * How the API of AUTOMATIC1111 and its kin is asked for a sampler. Before 1.9 it knew no schedules but
 * Karras', as part of the name, which is read since then too.
 */
export function a1111Names(name: SamplerName): { sampler_name: string; scheduler: string } {
  const { solver, schedule } = samplerParts(name);
  if (schedule === null) {
    // Those three have steps of their own there.
    const isOwn = solver === 'DDIM' || solver === 'UniPC' || solver === 'LCM';
    return { sampler_name: solver, scheduler: isOwn ? 'Automatic' : 'Uniform' };
  }
  return { sampler_name: schedule === 'Karras' ? name : solver, scheduler: schedule };
}
