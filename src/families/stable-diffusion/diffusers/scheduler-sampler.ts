import { readSamplerName } from '../../../diffusion/samplers/sampler-names.ts';
import type { NamedSampler } from '../../family.ts';

/** Values of schedulers' settings with which they are samplers of this program; with others they are different ones. */
const ours: Readonly<Record<string, readonly unknown[]>> = {
  algorithm_type: ['dpmsolver++'],
  solver_type: ['midpoint', 'bh2', 'bh1'],
  // Of third order ours is UniPC; DPM++'s is nearest to the one of second.
  solver_order: [2, 3],
  thresholding: [false],
  use_exponential_sigmas: [false],
  use_beta_sigmas: [false],
  use_flow_sigmas: [false],
  use_lu_lambdas: [false],
};

/**
 * The sampler that a diffusers model's scheduler is here, as AUTOMATIC1111 calls it. Of its own timesteps
 * those that end the schedule are told apart (`trailing`), which models need that were distilled so.
 *
 * @param config contents of `scheduler/scheduler_config.json`
 * @param className the scheduler's class as model_index.json has it, which diffusers goes by, if it does
 * @returns null for a scheduler that there is none like here
 */
export function samplerOfScheduler(
  config: Readonly<Record<string, unknown>>,
  className: string | null,
): NamedSampler | null {
  const scheduler = className ?? config._class_name;
  if (typeof scheduler !== 'string') return null;
  const isOurs = Object.entries(ours).every(
    ([name, values]) => config[name] == null || values.includes(config[name]),
  );
  const steps = stepsOf(config);
  const name = isOurs ? readSamplerName(scheduler, steps?.schedule) : null;
  if (name === null) return null;
  return { name, source: `its scheduler: ${scheduler}${steps ? ` with ${steps.words}` : ''}` };
}

/** Karras' noise levels go before timesteps, as in diffusers; undefined for a sampler's usual steps. */
function stepsOf(config: Readonly<Record<string, unknown>>) {
  if (config.use_karras_sigmas === true) return { schedule: 'Karras', words: 'use_karras_sigmas' };
  if (config.timestep_spacing !== 'trailing') return undefined;
  return { schedule: 'SGM Uniform', words: 'timestep_spacing trailing' };
}
