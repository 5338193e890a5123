import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { JobHistory, JobView } from '../../src/contract/job-views.ts';
import { jobFolderOf, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

// `stored/` holds jobs as sidecars of 0.1.0 left them, before jobs had a stored state (commit 69cfdb1):
// applied, failed, cancelled, waiting in the queue, under way when the sidecar was killed, and given
// up by the one after that. Those of `test/methods/stored` are older.

const stored = path.resolve('test/jobs/stored');
const ofEarlier = path.resolve('test/methods/stored');
const scrubbed = 'tiny-sd-without-heart.safetensors';

/** A data folder with a stored job, as if it had been made there. */
function dataWith(name: string, from = stored): { data: string; id: string } {
  const data = makeTemporaryFolder();
  const id = `20261129-2211-${name}`;
  const folder = path.join(data, 'jobs', id);
  mkdirSync(path.join(folder, 'samples'), { recursive: true });
  const filledIn: Readonly<Record<string, string>> = {
    MODEL: path.resolve('presets/tiny-sd/tiny-sd.safetensors'),
    OUTPUT: path.join(data, 'models', scrubbed),
    RESULTS: path.join(data, 'models'),
    DATA: data,
    ID: id,
  };
  for (const file of readdirSync(path.join(from, name))) {
    // All at once: the name of a temporary folder may hold one of the words.
    const text = readFileSync(path.join(from, name, file), 'utf8').replace(
      /MODEL|OUTPUT|RESULTS|DATA|ID/g,
      (word) => filledIn[word] ?? word,
    );
    writeFileSync(path.join(folder, file), text);
  }
  return { data, id };
}

async function open(name: string, from?: string) {
  const { data, id } = dataWith(name, from);
  const sidecar = await startTestSidecar({ data });
  const view = async () => (await sidecar.api('get', `/jobs/${id}`)).body as JobView;
  const state = () =>
    JSON.parse(readFileSync(path.join(jobFolderOf(sidecar, id), 'status.json'), 'utf8')) as {
      state: string;
    };
  return { sidecar, id, view, state };
}

describe('a job of 0.1.0', () => {
  it.each([
    ['cancelled', 'cancelled', 'job.cancelled', true],
    ['failed', 'failed', 'device.crashed', true],
    ['given-up', 'interrupted', 'checkpoint.not-found', true],
    ['applied', 'done', undefined, false],
  ])('that was %s is shown so', async (name, state, code, canResume) => {
    const { view, sidecar, id } = await open(name);
    const job = await view();
    expect([job.state, job.error?.code, job.canResume]).toEqual([state, code, canResume]);
    const { progress, log } = (await sidecar.api('get', `/jobs/${id}/metrics`)).body as JobHistory;
    expect(progress.length).toBeGreaterThan(1);
    expect(log.length).toBeGreaterThan(2);
  });

  // Of their events, only those of their steps are stored.
  it.each(['gap', 'siss'])('without a word of its end is interrupted: %s', async (name) => {
    const { view } = await open(name, ofEarlier);
    expect(await view()).toMatchObject({ state: 'interrupted', step: 2, canResume: true });
  });

  it.each([
    ['waiting', 4],
    ['under-way', 9],
  ])('that was %s is gone on with to its end', async (name, steps) => {
    const { sidecar, id, state } = await open(name);
    const job = await sidecar.reaches(id, 'done');
    expect(job).toMatchObject({ step: steps, steps });
    // A status is told at once and on the disk a moment later.
    await expect.poll(state).toMatchObject({ version: 1, state: 'done', queuedAt: null });
    expect(readdirSync(jobFolderOf(sidecar, id))).not.toContain('server.json');
  });

  it('that was cancelled is resumed to its end', async () => {
    const { sidecar, id } = await open('cancelled');
    expect((await sidecar.api('post', `/jobs/${id}/resume`)).status).toBe(200);
    expect(await sidecar.reaches(id, 'done')).toMatchObject({ step: 9 });
  });

  it('whose model is in use goes back to the one before, and once only', async () => {
    const { data, id } = dataWith('applied');
    mkdirSync(path.join(data, 'models'));
    cpSync(path.resolve('presets/tiny-sd', tinyModel), path.join(data, 'models', scrubbed));
    writeFileSync(path.join(data, 'active-model.json'), JSON.stringify({ name: scrubbed }));
    const sidecar = await startTestSidecar({ data });
    const view = async () => (await sidecar.api('get', `/jobs/${id}`)).body as JobView;
    expect(await view()).toMatchObject({ rollbackTo: tinyModel, result: { isActive: true } });
    expect((await sidecar.api('post', `/jobs/${id}/rollback`)).status).toBe(200);
    await sidecar.close();
    const next = await startTestSidecar({ data });
    const after = (await next.api('get', `/jobs/${id}`)).body as JobView;
    expect(after).toMatchObject({ rollbackTo: null, result: { isActive: false } });
  });
});
