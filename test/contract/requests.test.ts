import * as z from 'zod';
import { expect, it } from 'vitest';

import { jobRequestSchema } from '../../src/contract/requests.ts';
import { samplerNames } from '../../src/diffusion/samplers/registry.ts';

const samplerOf = (drawSampler: unknown) =>
  jobRequestSchema.safeParse({ model: 'a', settings: { drawSampler } });

it.each([
  ['DPM++ 2M Karras', 'DPM++ 2M Karras'],
  ['dpmpp_2m karras', 'DPM++ 2M Karras'],
  ['euler_ancestral', 'Euler a'],
  ['EULER', 'Euler'],
  ['LCMScheduler', 'LCM'],
])('a request may call its sampler %s', (text, name) => {
  expect(samplerOf(text).data?.settings.drawSampler).toBe(name);
});

it.each(['DPM++ 3M', '', 7, null])('the sampler %j is refused with those there are', (text) => {
  const { error } = samplerOf(text);
  expect(error?.issues[0]?.path).toEqual(['settings', 'drawSampler']);
  expect(error?.message).toContain('choose one of DDIM, DDPM, Euler, Euler a');
  expect(error?.message).toContain(
    `no sampler ${JSON.stringify(text).replaceAll('"', String.raw`\"`)}`,
  );
});

it('documents list the names that are answered', () => {
  const text = JSON.stringify(z.toJSONSchema(jobRequestSchema, { io: 'input' }));
  for (const name of samplerNames) expect(text).toContain(JSON.stringify(name));
});
