import { describe, expect, it } from 'vitest';

import { findSampler, samplerNames } from '../../../src/diffusion/samplers/registry.ts';

describe('findSampler', () => {
  it('knows the samplers by the names that AUTOMATIC1111 gives them', () => {
    expect(samplerNames).toEqual(['DDIM', 'DPM++ 2M', 'DPM++ 2M Karras']);
    for (const name of samplerNames) expect(findSampler(name)).toBeTypeOf('function');
  });

  it.each(['Euler', 'toString', ''])('refuses %j and lists what there is', (name) => {
    expect(() => findSampler(name)).toThrow(/choose one of DDIM, DPM\+\+ 2M, DPM\+\+ 2M Karras/);
  });
});
