import { describe, expect, it } from 'vitest';

import { findSampler, samplerNames } from '../../../src/diffusion/samplers/registry.ts';
import {
  a1111Names,
  comfyNames,
  readSamplerName,
} from '../../../src/diffusion/samplers/sampler-names.ts';

describe('findSampler', () => {
  it('knows the samplers by the names that AUTOMATIC1111 gives them', () => {
    expect(samplerNames).toHaveLength(8 * 4);
    for (const name of [
      'DDIM',
      'Euler a',
      'DPM++ 2M Karras',
      'LCM',
      'UniPC',
      'Euler SGM Uniform',
    ]) {
      expect(samplerNames).toContain(name);
    }
    for (const name of samplerNames) expect(findSampler(name)).toBeTypeOf('function');
  });

  it.each(['Heun', 'toString', '', ' Karras', 'Euler Beta'])(
    'refuses %j and lists what there is',
    (name) => {
      expect(() => findSampler(name)).toThrow(
        /choose one of DDIM, .*, alone or with one of Karras/,
      );
    },
  );
});

describe('readSamplerName', () => {
  it.each([
    ['euler a', '', 'Euler a'],
    ['EULER_ANCESTRAL', '', 'Euler a'],
    ['k_euler_a', '', 'Euler a'],
    ['dpm++ 2m karras', '', 'DPM++ 2M Karras'],
    ['dpmpp_2m', 'karras', 'DPM++ 2M Karras'],
    ['dpmpp_2m_karras', '', 'DPM++ 2M Karras'],
    ['DPM++ 2M', 'Automatic', 'DPM++ 2M Karras'],
    ['DPM++ 2M', 'Uniform', 'DPM++ 2M'],
    ['DPM++ 2M Karras', 'Automatic', 'DPM++ 2M Karras'],
    ['Euler', 'Automatic', 'Euler'],
    ['euler', 'sgm_uniform', 'Euler SGM Uniform'],
    ['Euler sgm uniform', '', 'Euler SGM Uniform'],
    ['euler', 'ddim_uniform', 'DDIM'],
    ['DPM++ SDE', 'SGM Uniform', 'DPM++ SDE SGM Uniform'],
    ['uni_pc', 'simple', 'UniPC Simple'],
    ['LCMScheduler', '', 'LCM'],
    ['lcm', 'normal', 'LCM'],
    ['heun', '', null],
    ['dpmpp_2m_sde', '', null],
    ['euler', 'beta', null],
    ['karras', '', null],
    ['', '', null],
  ])('reads %j with the schedule %j as %j', (text, schedule, name) => {
    expect(readSamplerName(text, schedule)).toBe(name);
  });

  it.each(samplerNames)('reads %s, and what the hosts call it', (name) => {
    expect(readSamplerName(name.toUpperCase())).toBe(name);
    const a1111 = a1111Names(name);
    expect(readSamplerName(a1111.sampler_name, a1111.scheduler)).toBe(name);
    if (name === 'LCM') return;
    const comfy = comfyNames(name);
    expect(readSamplerName(comfy.sampler_name, comfy.scheduler)).toBe(name);
  });
});
