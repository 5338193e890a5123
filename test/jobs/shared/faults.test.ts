import { copyFileSync, cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import type { JobView } from '../../../src/contract/job-views.ts';
import { bullPrefix, keys } from '../../../src/jobs/redis/keys.ts';
import { connectRedis } from '../../../src/jobs/redis/connect.ts';
import { createTestRandom, rounds } from '../../helpers/long.ts';
import { hasRedis, startRedis } from '../../helpers/redis-server.ts';
import { startS3 } from '../../helpers/s3-server.ts';
import { smallDisk } from '../../helpers/small-disk.ts';
import { expectSame, patience, quick, slowly, small } from './one-machine.ts';
import {
  eventsOf,
  makeFleet,
  quickTimes,
  realTraining,
  resultOf,
  startFleetWorker,
  startMachine,
  startServer,
  stateOf,
  stepsIn,
  until,
} from './shared-jobs.ts';

// What fails between many machines: no job is lost, none is done twice with effect, and the bytes are those of one
// machine. Deaths of workers are in worker.test.ts.

const tinySd = path.resolve(import.meta.dirname, '../../../presets/tiny-sd');

describe.runIf(hasRedis)('jobs of many machines, where something fails', () => {
  it(
    'a worker that was stopped for too long leaves its job to another, which does it once',
    async () => {
      const random = createTestRandom('steps at which workers are stopped');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        const fleet = makeFleet(await startRedis());
        const server = await startServer(fleet);
        const stopped = startMachine(fleet, 'stopped');
        const { id } = await server.create(slowly);
        const at = 1 + Math.floor(random() * 8);
        await until(async () => stepsIn(await eventsOf(fleet, id)).length >= at);
        process.kill(stopped.process.pid!, 'SIGSTOP');
        const other = startMachine(fleet, 'other');
        // The other one has it.
        await until(async () => {
          const events = await eventsOf(fleet, id);
          return events.filter(({ event }) => event === 'job').length > 1;
        });
        process.kill(stopped.process.pid!, 'SIGCONT');
        await expectSame({ fleet, server }, id, slowly);
        await until(() => stopped.jobs().length === 0);
        expect((await eventsOf(fleet, id)).filter(({ event }) => event === 'job')).toHaveLength(2);
        await Promise.all([stopped.kill(), other.kill(), server.close()]);
      }
    },
    patience,
  );

  it(
    'a job that is handed to a second worker is the second one’s, and done once',
    async () => {
      const random = createTestRandom('steps at which jobs are handed out again');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        const redis = await startRedis();
        const fleet = makeFleet(redis);
        const server = await startServer(fleet);
        const one = startMachine(fleet, 'one');
        const { id } = await server.create(slowly);
        await until(() => one.jobs().includes(id));
        const two = startMachine(fleet, 'two');
        await until(() => two.isReady());
        const at = 1 + Math.floor(random() * 5);
        await until(async () => stepsIn(await eventsOf(fleet, id)).length >= at);
        // As a Redis has it that lost what it was told last: the job waits.
        const admin = await connectRedis(redis.url);
        const lane = (await admin.hget(keys.job(id), 'lane'))!;
        await admin.rpush(`${bullPrefix}:${lane}:wait`, id);
        admin.disconnect();
        await until(() => one.jobs().length === 0);
        await expectSame({ fleet, server }, id, slowly);
        expect((await eventsOf(fleet, id)).filter(({ event }) => event === 'job')).toHaveLength(2);
        await Promise.all([one.kill(), two.kill(), server.close()]);
      }
    },
    patience,
  );

  it(
    'a Redis that is full for a while, or killed and started again, is waited for',
    async () => {
      const random = createTestRandom('moments of outages');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        const redis = await startRedis();
        const fleet = makeFleet(redis);
        const server = await startServer(fleet);
        const worker = await startFleetWorker(fleet);
        const { id } = await server.create(slowly);
        const { id: next } = await server.create(quick);
        await until(async () => stepsIn(await eventsOf(fleet, id)).length > 0);
        await sleep(1000 * random());
        const admin = await connectRedis(redis.url);
        await admin.config('SET', 'maxmemory', '1');
        await sleep(600 * random());
        await admin.config('SET', 'maxmemory', '0');
        admin.disconnect();
        await sleep(600 * random());
        await redis.kill();
        await sleep(1000 * random());
        await redis.start();
        await expectSame({ fleet, server }, id, slowly);
        await expectSame({ fleet, server }, next, quick);
        await worker.close(AbortSignal.abort());
        await server.close();
      }
    },
    patience,
  );

  it(
    'a store that refuses requests and cuts transfers is asked again',
    async () => {
      const random = createTestRandom('which requests fail');
      const s3 = await startS3();
      const fleet = makeFleet(await startRedis(), s3.place);
      const server = await startServer(fleet);
      await startFleetWorker(fleet);
      s3.fate = () => (random() < 0.1 ? 'refused' : random() < 0.1 ? 'cut' : 'answered');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        await expectSame({ fleet, server }, (await server.create(quick)).id, quick);
      }
    },
    patience,
  );

  it(
    'what the store has damaged is put there again, and what was made of it is made anew',
    async () => {
      const random = createTestRandom('what is damaged');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        const redis = await startRedis();
        const admin = await connectRedis(redis.url);
        const fleet = makeFleet(redis);
        const server = await startServer(fleet);
        const { id } = await server.create(small);
        damageAll(path.join(fleet.store, 'inputs'));
        const first = startMachine(fleet, 'first', { trainingWorker: realTraining });
        await until(async () => (await stateOf(server, id)) === 'failed');
        const failed = (await server.api('get', `/jobs/${id}`)).body as JobView;
        expect(failed.error).toMatchObject({
          code: 'artifact.damaged',
          message: expect.stringContaining('it is damaged there') as string,
        });
        expect((await server.api('post', `/jobs/${id}/resume`)).status).toBe(200);
        // Its states, too, when it is half done.
        await until(async () => stepsIn(await eventsOf(fleet, id)).length > random() * 4);
        await until(async () => (await admin.hget(keys.job(id), 'files'))!.includes('state/'));
        await first.kill();
        admin.disconnect();
        const isOver = (await eventsOf(fleet, id)).some(({ event }) => event === 'done');
        if (!isOver) damageAll(path.join(fleet.store, 'jobs', id));
        const second = startMachine(fleet, 'second', { trainingWorker: realTraining });
        await expectSame({ fleet, server }, id, small);
        const told = (await eventsOf(fleet, id)).filter(({ event }) => event === 'notice');
        if (!isOver) expect(JSON.stringify(told)).toContain('so it begins anew');
        await Promise.all([second.kill(), server.close()]);
      }
    },
    patience,
  );

  it('what the store has lost is not asked for in vain where it is gone here, too', async () => {
    const fleet = makeFleet(await startRedis());
    const server = await startServer(fleet);
    const models = path.join(server.data, 'models');
    for (const name of ['own.safetensors', 'own.yaml', 'tiny-clip']) {
      cpSync(path.join(tinySd, name.replace('own', 'tiny-sd')), path.join(models, name), {
        recursive: true,
      });
    }
    const model = path.join(models, 'own.safetensors');
    const { id } = await server.create({ model: 'own.safetensors' });
    await server.api('post', `/jobs/${id}/cancel`);
    rmSync(path.join(fleet.store, 'inputs'), { recursive: true });
    writeFileSync(model, 'another one');
    const answer = await server.api('post', `/jobs/${id}/resume`);
    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ error: { code: 'artifact.missing' } });
    expect(await stateOf(server, id)).toBe('cancelled');
    copyFileSync(path.join(tinySd, 'tiny-sd.safetensors'), model);
    expect((await server.api('post', `/jobs/${id}/resume`)).status).toBe(200);
    await startFleetWorker(fleet);
    await resultOf(server, id);
  });

  it(
    'a job is cancelled in whichever phase it is, and comes to the same end when it goes on',
    async () => {
      const random = createTestRandom('phases in which jobs are cancelled');
      const fleet = makeFleet(await startRedis());
      const server = await startServer(fleet);
      await startFleetWorker(fleet, 'worker', { trainingWorker: realTraining });
      const phases = ['queued', 'preparing', 'generate', 'train', 'evaluate'];
      // The last one is over in a moment.
      const drawn = phases[Math.floor(random() * 4)]!;
      const all = Array.from({ length: 5 }, () => phases).flat();
      let cancelled = 0;
      for (const phase of rounds({ few: [drawn], many: all })) {
        const { id } = await server.create(small);
        await until(async () => {
          const events = await eventsOf(fleet, id);
          const isIn = events.some((event) => event.event === 'phase' && event.phase === phase);
          // One that waits may be taken before it is looked at.
          return phase === 'queued' || isIn || [phase, 'done'].includes(await stateOf(server, id));
        });
        await sleep(rounds({ few: 0, many: 300 }) * random());
        // One that is done by now is none to cancel.
        const { status } = await server.api('post', `/jobs/${id}/cancel`);
        if (status === 200) await server.reaches(id, 'cancelled', 'done');
        if ((await stateOf(server, id)) === 'cancelled') {
          cancelled += 1;
          expect((await server.api('post', `/jobs/${id}/resume`)).status).toBe(200);
        }
        await expectSame({ fleet, server }, id, small);
      }
      expect(cancelled, drawn).toBeGreaterThan(rounds({ few: 0, many: 15 }));
      expect(fleet.troubles).toEqual([]);
    },
    patience,
  );

  // Where none can be mounted, small-disk.ts says so, and how it could be.
  it.skipIf(!smallDisk)('a worker whose disk is full leaves its jobs to others', async () => {
    const fleet = makeFleet(await startRedis());
    const server = await startServer(fleet);
    // It does not look again before the other one is there, however busy the machine is.
    const times = { ...quickTimes, pauseMs: 60_000 };
    const full = startMachine(fleet, 'full', { disk: smallDisk!, times });
    const { id } = await server.create(quick);
    await until(async () => JSON.stringify(await eventsOf(fleet, id)).includes('leaves this to'));
    expect((await eventsOf(fleet, id)).at(-1)).toMatchObject({
      event: 'notice',
      message: expect.stringMatching(/^the worker full could not go on.*disk/) as string,
    });
    const good = startMachine(fleet, 'good');
    await expectSame({ fleet, server }, id, quick);
    await Promise.all([good.kill(), full.kill()]);
    // Where there is no other it is told why, after some attempts.
    const another = startMachine(fleet, 'another', { disk: smallDisk! });
    const { id: lonely } = await server.create(quick);
    await until(async () => ['failed', 'interrupted'].includes(await stateOf(server, lonely)));
    expect((await server.api('get', `/jobs/${lonely}`)).body).toMatchObject({
      error: { code: 'output.no-space' },
    });
    await another.kill();
  });
});

function filesIn(folder: string): string[] {
  const all = { recursive: true, withFileTypes: true } as const;
  if (!existsSync(folder)) return [];
  return readdirSync(folder, all)
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Writes other bytes into each file of a folder. */
function damageAll(folder: string): void {
  for (const file of filesIn(folder)) writeFileSync(file, 'not what it was');
}
