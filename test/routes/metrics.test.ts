import { setTimeout as sleep } from 'node:timers/promises';

import supertest from 'supertest';
import { expect, it } from 'vitest';

import { loadOptional } from '../../src/jobs/optional-packages.ts';
import { startTestSidecar, type TestSidecar } from '../helpers/sidecar.ts';

/** What a sidecar tells, by name and labels. */
async function figuresOf({ api }: TestSidecar): Promise<Map<string, number>> {
  const { status, text, headers } = await api('get', '/metrics');
  expect([status, headers['content-type']]).toEqual([
    200,
    expect.stringMatching(/^text\/plain; version=0.0.4/) as string,
  ]);
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(/\S+$/.exec(line)![0])]));
}

it('GET /api/metrics counts jobs as they come and go, and needs the token', async () => {
  const sidecar = await startTestSidecar();
  const before = await figuresOf(sidecar);
  expect(before.get('erase_concept_jobs{state="training"}')).toBe(0);
  expect(before.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  const { id } = await sidecar.create({ forget: ['slowly a heart'] });
  const { id: next } = await sidecar.create({});
  let under = before;
  while (!under.get('erase_concept_steps_per_second')) {
    await sleep(50);
    under = await figuresOf(sidecar);
  }
  expect(under.get('erase_concept_jobs{state="training"}')).toBe(1);
  expect(under.get('erase_concept_queue_length')).toBe(1);
  expect(under.get('erase_concept_training_memory_bytes')).toBeGreaterThan(0);
  await sidecar.api('post', `/jobs/${id}/cancel`);
  await sidecar.reaches(next, 'done');
  const after = await figuresOf(sidecar);
  expect(after.get('erase_concept_jobs{state="cancelled"}')).toBe(1);
  expect(after.get('erase_concept_jobs{state="done"}')).toBe(1);
  expect(after.get('erase_concept_steps_per_second')).toBe(0);
  expect([...after.keys()].filter((name) => /workers|failures/.test(name))).toEqual([]);
  expect((await supertest(sidecar.url).get('/api/metrics')).status).toBe(401);
});

it('a package that is not installed is named with the command that installs it', async () => {
  const name = 'not-installed';
  await expect(
    loadOptional(() => import(name), ['prom-client'], 'GET /api/metrics'),
  ).rejects.toMatchObject({
    code: 'package.missing',
    message: expect.stringMatching(/npm install prom-client@\d/) as string,
  });
});
