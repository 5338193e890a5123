import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { JobHistory } from '../../src/contract/job-views.ts';
import type { JobRequest } from '../../src/contract/requests.ts';
import { callCli } from '../helpers/run-cli.ts';
import { end, inState, serve } from '../helpers/serve.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** Enough to be interrupted twice. */
const steps = 16;

/** The real engine on the tiny model, with all that has state. */
const request: JobRequest = {
  model: 'tiny-sd.safetensors',
  forget: ['a heart in the style of Pontilla', 'a star in the style of Pontilla'],
  retain: ['a star', 'a moon'],
  device: 'cpu',
  settings: {
    train: 'xattn',
    steps,
    batch: 1,
    generatedForget: 3,
    generatedRetain: 3,
    generationSteps: 4,
    saveEvery: 2,
    sampleEvery: 0,
    evaluationPictures: 0,
  },
};

function hashOf(file: string | undefined): string {
  return createHash('sha256')
    .update(readFileSync(file ?? ''))
    .digest('hex');
}

describe('erase-concept serve', () => {
  it('goes on with what trained and what waited after it was killed, to the same bytes', async () => {
    const undisturbed = await serve(makeTemporaryFolder());
    const whole = await undisturbed.create(request);
    const { result: expected } = await undisturbed.reaches(whole.id, inState('done'));
    const expectedHash = hashOf(expected?.path);
    await end(undisturbed.process, 'SIGKILL');

    const data = makeTemporaryFolder();
    let sidecar = await serve(data);
    const first = await sidecar.create(request);
    const second = await sidecar.create(request);
    expect(second.queuePosition).toBe(0);
    for (const step of [4, 8]) {
      await sidecar.reaches(first.id, (job) => job.step >= step);
      await end(sidecar.process, 'SIGKILL');
      sidecar = await serve(data);
    }
    const done = await sidecar.reaches(first.id, inState('done'));
    expect(hashOf(done.result?.path)).toBe(expectedHash);
    const { progress } = await sidecar.get<JobHistory>(`/jobs/${first.id}/metrics`);
    expect(progress.map(({ step }) => step)).toEqual(
      Array.from({ length: steps }, (_, i) => i + 1),
    );
    const other = await sidecar.reaches(second.id, inState('done'));
    expect(hashOf(other.result?.path)).toBe(expectedHash);
  }, 400_000);

  it('has what trains save its state before it ends, and goes on at the next start', async () => {
    const data = makeTemporaryFolder();
    const sidecar = await serve(data);
    const { id } = await sidecar.create({
      ...request,
      settings: { ...request.settings, saveEvery: 1000 },
    });
    const { step } = await sidecar.reaches(id, (job) => job.step >= 5);
    expect(await end(sidecar.process, 'SIGTERM')).toBe(0);
    expect(sidecar.stderr()).toContain('Ending');
    const again = await serve(data);
    const done = await again.reaches(id, inState('done'));
    const { log, progress } = await again.get<JobHistory>(`/jobs/${id}/metrics`);
    expect(progress.map((point) => point.step)).toEqual(
      Array.from({ length: steps }, (_, i) => i + 1),
    );
    expect(step).toBeLessThan(steps);
    expect(log.filter(({ message }) => message.includes('has started'))).toHaveLength(2);
    expect(done.error).toBeNull();
  }, 200_000);

  it('ends with the program that started it, if it is to watch it, and goes on at the next start', async () => {
    const data = makeTemporaryFolder();
    const sidecar = await serve(data, ['--watch-parent']);
    const { id } = await sidecar.create({
      ...request,
      settings: { ...request.settings, saveEvery: 1000 },
    });
    await sidecar.reaches(id, (job) => job.step >= 5);
    const ended = once(sidecar.process, 'exit');
    // As the system does when that program is killed: nobody reads any more either.
    for (const stream of sidecar.process.stdio) stream?.destroy();
    expect(await ended).toEqual([0, null]);
    const again = await serve(data);
    await again.reaches(id, inState('done'));
    const { log } = await again.get<JobHistory>(`/jobs/${id}/metrics`);
    expect(log.filter(({ message }) => message.includes('has started'))).toHaveLength(2);
  }, 200_000);

  it('does not mind a standard input that is closed, if it is not to watch it', async () => {
    const sidecar = await serve(makeTemporaryFolder());
    sidecar.process.stdin?.end();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await fetch(new URL('/api/health', sidecar.startLink))).status).toBe(200);
  });

  it('keeps its token for its owner, from one start to the next', async () => {
    const data = makeTemporaryFolder();
    const first = await serve(data);
    expect(statSync(path.join(data, 'token')).mode & 0o777).toBe(0o600);
    await end(first.process, 'SIGINT');
    const second = await serve(data);
    expect(second.startLink.search).toBe(first.startLink.search);
  });

  it('refuses a data folder that another one uses, and a port that is taken', async () => {
    const data = makeTemporaryFolder();
    const { startLink } = await serve(data);
    const same = await callCli(['serve', '--port', '0', '--data', data], data);
    expect([same.status, same.stderr]).toEqual([4, expect.stringMatching(/another sidecar uses/)]);
    const other = makeTemporaryFolder();
    const taken = await callCli(['serve', '--port', startLink.port, '--data', other], other);
    expect([taken.status, taken.stderr]).toEqual([4, expect.stringMatching(/port \d+.*is taken/)]);
  });

  it('says what it means to listen on another address', async () => {
    const sidecar = await serve(makeTemporaryFolder(), ['--listen', '0.0.0.0']);
    expect(sidecar.stderr()).toMatch(/Everyone who reaches 0\.0\.0\.0/);
    const { status } = await fetch(new URL('/api/jobs', sidecar.startLink));
    expect(status).toBe(401);
  });
});
