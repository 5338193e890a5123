import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import type { JobHistory } from '../../../src/contract/job-views.ts';
import type { WorkerView } from '../../../src/contract/worker-view.ts';
import type { JobRequest } from '../../../src/contract/requests.ts';
import type { RecordedEvent } from '../../../src/erase/events.ts';
import { connectRedis } from '../../../src/jobs/redis/connect.ts';
import { JobKeeper } from '../../../src/jobs/redis/job-keeper.ts';
import { keys } from '../../../src/jobs/redis/keys.ts';
import { newStatus } from '../../../src/jobs/job-status.ts';
import { createTestRandom, rounds } from '../../helpers/long.ts';
import { hasRedis, startRedis } from '../../helpers/redis-server.ts';
import { startS3 } from '../../helpers/s3-server.ts';
import { startTestSidecar, type TestSidecar } from '../../helpers/sidecar.ts';
import {
  makeFleet,
  realTraining,
  resultOf,
  startFleetWorker,
  startMachine,
  startServer,
  stateOf,
  stepsIn,
  eventsOf,
  until,
} from './shared-jobs.ts';

/** A few steps of the tiny model. */
const small: Partial<JobRequest> = {
  settings: {
    ...{ steps: 4, batch: 1, generatedForget: 1, generatedRetain: 1, drawSteps: 2 },
    ...{ evaluationPictures: 0, sampleEvery: 2, saveEvery: 1, train: 'xattn' },
  },
};

/** SIGKILLs: of one job in the suite, of many in the long form. */
const kills = rounds({ few: 1, many: 30 });

describe.runIf(hasRedis)('jobs that many machines share', () => {
  it(`have the bytes that they have on one machine, ${kills} times after a worker was killed`, async () => {
    const random = createTestRandom('moments at which workers die');
    const alone = await startTestSidecar({ worker: realTraining });
    const started = performance.now();
    const here = await resultOf(alone, (await alone.create(small)).id);
    const lasts = performance.now() - started;
    const hash = hashOf(here.result!.path);

    const fleet = makeFleet(await startRedis());
    const server = await startServer(fleet);
    let machine = startMachine(fleet, 'one', { trainingWorker: realTraining });
    let number = 1;
    let made = 0;
    for (let killed = 0; killed < kills; made += 1) {
      const { id } = await server.create(small);
      await until(() => machine.jobs().includes(id));
      await new Promise((resolve) => setTimeout(resolve, random() * lasts));
      if ((await stateOf(server, id)) !== 'done') killed += 1;
      await machine.kill();
      machine = startMachine(fleet, `number-${(number += 1)}`, { trainingWorker: realTraining });
      const far = await resultOf(server, id);
      expect(hashOf(far.result!.path)).toBe(hash);
      expect(far.samples.map(({ file }) => file).sort()).toEqual(
        here.samples.map(({ file }) => file).sort(),
      );
      for (const { file } of far.samples) {
        expect(await pictureOf(server, far.id, file)).toEqual(
          await pictureOf(alone, here.id, file),
        );
      }
      const events = await eventsOf(fleet, id);
      expect(events.filter(({ event }) => event === 'done')).toHaveLength(1);
      expect(new Set(stepsIn(events))).toEqual(new Set([1, 2, 3, 4]));
      expect((await server.api('get', `/jobs/${id}/report`)).text).toContain('<html');
      expect(path.dirname(far.result!.path)).toBe(path.join(server.data, 'models'));
    }
    const [{ id } = { id: '' }] = (await server.api('get', '/jobs')).body as { id: string }[];
    // Those that were killed are listed for a while, and one may be taken off between the two answers.
    await vi.waitFor(async () => {
      const workers = (await server.api('get', '/workers')).body as WorkerView[];
      const last = workers.find(({ name }) => name === `number-${number}`);
      expect(last).toMatchObject({ device: 'cpu', jobs: [] });
      const { text } = await server.api('get', '/metrics');
      expect(text).toContain(`erase_concept_workers{device="cpu"} ${workers.length}\n`);
      const worked = workers.reduce((sum, { jobs }) => sum + jobs.length, 0);
      expect(text).toContain(`erase_concept_worked_jobs{device="cpu"} ${worked}\n`);
    }, 30_000);
    const { text } = await server.api('get', '/metrics');
    expect(text).toContain(`erase_concept_jobs{state="done"} ${made}\n`);
    await server.api('delete', `/jobs/${id}`);
    expect(existsSync(path.join(fleet.store, 'jobs', id))).toBe(false);
  }, 3_600_000);

  it('are given up after three machines died of them', async () => {
    const redis = await startRedis();
    const fleet = makeFleet(redis);
    const server = await startServer(fleet);
    const { id } = await server.create({});
    // As two machines have left it, and the third.
    const keeper = new JobKeeper(await connectRedis(redis.url), { isFenced: false });
    const [status] = await keeper.read(id, ['status']);
    const left = { state: 'training', recoveries: { count: 2, step: 0 } };
    const fields = { status: JSON.stringify({ ...(JSON.parse(status!) as object), ...left }) };
    await keeper.write(id, fields, 'state');
    keeper.redis.disconnect();
    await startFleetWorker(fleet);
    await until(async () => (await stateOf(server, id)) === 'interrupted');
    const { error } = (await server.api('get', `/jobs/${id}`)).body as { error: unknown };
    expect(error).toMatchObject({
      code: 'device.crashed',
      message: expect.stringContaining('was interrupted 3 times') as string,
    });
    expect(await eventsOf(fleet, id)).toEqual([]);
  });

  it('are cancelled where they are trained, within two seconds, and go on when resumed', async () => {
    const fleet = makeFleet(await startRedis(), (await startS3()).place);
    const server = await startServer(fleet);
    await startFleetWorker(fleet);
    const { id } = await server.create({ forget: ['slowly a heart'] });
    await until(async () => stepsIn(await eventsOf(fleet, id)).length > 1);
    const asked = performance.now();
    await server.api('post', `/jobs/${id}/cancel`);
    await server.reaches(id, 'cancelled');
    expect(performance.now() - asked).toBeLessThan(2000);
    await server.api('post', `/jobs/${id}/resume`);
    await resultOf(server, id);
    const steps = stepsIn(await eventsOf(fleet, id));
    expect(steps).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
    const waiting = await server.create({ forget: ['slowly a moon'] });
    const next = await server.create({ forget: ['slowly a star'] });
    await server.api('post', `/jobs/${next.id}/cancel`);
    expect((await server.api('get', `/jobs/${next.id}`)).body).toMatchObject({
      state: 'cancelled',
    });
    await server.api('post', `/jobs/${waiting.id}/cancel`);
    await server.reaches(waiting.id, 'cancelled');
    expect(fleet.troubles).toEqual([]);
  });

  it('fail where they name a file that they have not brought along', async () => {
    const redis = await startRedis();
    const fleet = makeFleet(redis);
    const server = await startServer(fleet);
    const { id } = await server.create({});
    const admin = await connectRedis(redis.url);
    const draft = (await admin.hget(keys.job(id), 'draft'))!;
    for (const path of ['/etc/passwd', 'job:../../other', `${server.data}/models/../../x`]) {
      const changed = { ...(JSON.parse(draft) as object), model: path };
      await admin.hset(keys.job(id), 'draft', JSON.stringify(changed));
      const worker = await startFleetWorker(fleet);
      await until(async () => (await stateOf(server, id)) === 'failed');
      expect((await eventsOf(fleet, id)).at(-1)).toMatchObject({ code: 'job.damaged' });
      await worker.close(AbortSignal.abort());
      await server.api('post', `/jobs/${id}/resume`);
    }
    admin.disconnect();
  });

  it('are listed once they are made, whatever a server that was killed has left', async () => {
    const fleet = makeFleet(await startRedis());
    const redis = await connectRedis(fleet.queue);
    const keeper = new JobKeeper(redis, { isFenced: false });
    await keeper.create('half-made', { status: JSON.stringify(newStatus(null)) });
    redis.disconnect();
    const server = await startServer(fleet);
    expect((await server.api('get', '/jobs')).body).toEqual([]);
    expect((await server.api('get', '/jobs/half-made')).status).toBe(404);
  });

  it('are not for workers of another version', async () => {
    const redis = await startRedis();
    const admin = await connectRedis(redis.url);
    await admin.set(keys.version, '99.0.0');
    admin.disconnect();
    await expect(startFleetWorker(makeFleet(redis))).rejects.toMatchObject({
      code: 'queue.unavailable',
      message: expect.stringContaining('99.0.0') as string,
    });
    await redis.kill();
    await expect(startFleetWorker(makeFleet(redis))).rejects.toMatchObject({
      code: 'queue.unavailable',
      message: expect.stringContaining('cannot be used') as string,
    });
  });

  it('are the same for each server of a page, with all of a long history', async () => {
    const redis = await startRedis();
    const fleet = makeFleet(redis);
    const one = await startServer(fleet, 'one');
    const other = await startServer(fleet, 'other');
    const { id } = await one.create({ forget: ['a heart'] });
    const keeper = new JobKeeper(await connectRedis(redis.url), { isFenced: false });
    const notes = Array.from({ length: 12_000 }, (_, i): RecordedEvent => ({
      ...{ event: 'note', message: `note ${i}`, time: '2026-11-30T12:00:00.000Z' },
    }));
    for (let i = 0; i < notes.length; i += 1000) {
      await keeper.append(id, i, notes.slice(i, i + 1000));
    }
    // As it is sent again after an outage.
    expect(await keeper.append(id, 11_000, notes.slice(11_000))).toBe(12_000);
    keeper.redis.disconnect();
    const messages = notes.map((note) => (note as { message: string }).message);
    for (const server of [one, other]) {
      const read = async () => {
        const { log } = (await server.api('get', `/jobs/${id}/metrics`)).body as JobHistory;
        return log.map(({ message }) => message);
      };
      await until(async () => (await read()).length >= messages.length);
      expect((await read()).join('\n') === messages.join('\n')).toBe(true);
    }
    await other.api('post', `/jobs/${id}/cancel`);
    await until(async () => (await stateOf(one, id)) === 'cancelled');
    await one.api('delete', `/jobs/${id}`);
    await until(async () => (await other.api('get', `/jobs/${id}`)).status === 404);
  });
});

async function pictureOf(sidecar: TestSidecar, id: string, file: string): Promise<Buffer> {
  return (await sidecar.api('get', `/jobs/${id}/samples/${file}`)).body as Buffer;
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
