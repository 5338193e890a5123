import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';

import { connectRedis } from '../../../src/jobs/redis/connect.ts';
import { layLine } from '../../helpers/cut-line.ts';
import { createTestRandom, rounds } from '../../helpers/long.ts';
import { hasRedis, startRedis } from '../../helpers/redis-server.ts';
import { expectSame, patience, quick, slowly } from './one-machine.ts';
import {
  eventsOf,
  makeFleet,
  startFleetWorker,
  startMachine,
  startServer,
  stepsIn,
  until,
} from './shared-jobs.ts';

describe.runIf(hasRedis)('jobs of many machines, where a line to the queue is cut', () => {
  it(
    'a worker whose line to the queue is cut leaves its job to another, and comes back',
    async () => {
      const random = createTestRandom('how and when lines are cut');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        const fleet = makeFleet(await startRedis());
        const line = await layLine(fleet.queue);
        const server = await startServer(fleet);
        const far = startMachine({ ...fleet, queue: line.url }, 'far');
        const { id } = await server.create(slowly);
        const at = 1 + Math.floor(random() * 5);
        await until(async () => stepsIn(await eventsOf(fleet, id)).length >= at);
        line.cut(random() < 0.5 ? 'silent' : 'closed');
        const near = startMachine(fleet, 'near');
        await until(async () => {
          const events = await eventsOf(fleet, id);
          return events.filter(({ event }) => event === 'job').length > 1;
        });
        line.mend();
        await expectSame({ fleet, server }, id, slowly);
        await until(() => far.jobs().length === 0);
        await near.kill();
        // It does the next one.
        await expectSame({ fleet, server }, (await server.create(quick)).id, quick);
        await Promise.all([far.kill(), server.close()]);
      }
    },
    patience,
  );

  it(
    'a Redis that fails over to its replica is found there',
    async () => {
      const random = createTestRandom('moments of failing over');
      for (let round = 0; round < rounds({ few: 1, many: 15 }); round++) {
        const [primary, replica] = [await startRedis(), await startRedis()];
        const [first, second] = [await connectRedis(primary.url), await connectRedis(replica.url)];
        await second.replicaof(primary.url.hostname, Number(primary.url.port));
        const line = await layLine(primary.url);
        const fleet = makeFleet({ ...primary, url: line.url });
        const server = await startServer(fleet);
        const worker = await startFleetWorker(fleet);
        const { id } = await server.create(slowly);
        const { id: next } = await server.create(quick);
        await until(async () => stepsIn(await eventsOf(fleet, id)).length > 0);
        await sleep(1000 * random());
        line.cut('closed');
        // What is acknowledged reaches the replica a moment later: docs/many-machines.md.
        await first.set('last', 'of all');
        await until(async () => (await second.get('last')) === 'of all');
        await primary.kill();
        await second.replicaof('NO', 'ONE');
        line.mend(replica.url);
        await expectSame({ fleet, server }, id, slowly);
        await expectSame({ fleet, server }, next, quick);
        for (const admin of [first, second]) admin.disconnect();
        await worker.close(AbortSignal.abort());
        await server.close();
      }
    },
    patience,
  );
});
