import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import type { JobView } from '../../../src/contract/job-views.ts';
import type { JobRequest } from '../../../src/contract/requests.ts';
import { rounds } from '../../helpers/long.ts';
import { hasRedis, startRedis } from '../../helpers/redis-server.ts';
import { startS3 } from '../../helpers/s3-server.ts';
import { startTestSidecar, type TestSidecar } from '../../helpers/sidecar.ts';
import {
  eventsOf,
  makeFleet,
  realTraining,
  resultOf,
  startMachine,
  startServer,
} from './shared-jobs.ts';

/** Jobs that differ, each a few steps of the tiny model. */
const requests = ['heart', 'moon', 'cross'].map((forget): Partial<JobRequest> => ({
  forget: [`a ${forget}`],
  settings: {
    ...{ steps: 2, batch: 1, generatedForget: 1, generatedRetain: 1, drawSteps: 2 },
    ...{ evaluationPictures: 0, sampleEvery: 0, saveEvery: 1, train: 'xattn' },
  },
}));
const count = rounds({ few: 4, many: 60 });

const hashOf = ({ result }: JobView) =>
  createHash('sha256').update(readFileSync(result!.path)).digest('hex');

describe.runIf(hasRedis)('two servers and four workers with a store of S3', () => {
  it(
    `do ${count} jobs once each, to the bytes of one machine`,
    async () => {
      const alone = await startTestSidecar({ worker: realTraining });
      const hashes: string[] = [];
      for (const request of requests.slice(0, count)) {
        hashes.push(hashOf(await resultOf(alone, (await alone.create(request)).id)));
      }
      await alone.close();
      expect(new Set(hashes).size).toBe(requests.length);

      const fleet = makeFleet(await startRedis(), (await startS3()).place);
      const servers = [await startServer(fleet, 'one'), await startServer(fleet, 'two')] as const;
      const serverOf = (i: number): TestSidecar => servers[i % 2 === 0 ? 0 : 1];
      const machines = ['a', 'b', 'c', 'd'].map((name) =>
        startMachine(fleet, name, { trainingWorker: realTraining }),
      );
      const ids: string[] = [];
      for (let i = 0; i < count; i++) {
        ids.push((await serverOf(i).create(requests[i % requests.length])).id);
      }
      expect(new Set(ids).size).toBe(count);
      for (const [i, id] of ids.entries()) {
        // Each server brings here what was asked of it, and the other knows of it.
        expect(hashOf(await resultOf(serverOf(i), id)), id).toBe(hashes[i % requests.length]);
        expect((await resultOf(serverOf(i + 1), id)).state).toBe('done');
        const events = await eventsOf(fleet, id);
        for (const once of ['job', 'done']) {
          expect(events.filter(({ event }) => event === once)).toHaveLength(1);
        }
      }
      expect(machines.flatMap(({ troubles }) => troubles)).toEqual([]);
    },
    rounds({ few: 180_000, many: 3_600_000 }),
  );
});
