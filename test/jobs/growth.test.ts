import { readdirSync } from 'node:fs';
import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, it } from 'vitest';

import type { JobView } from '../../src/contract/job-views.ts';
import { createTestRandom, rounds } from '../helpers/long.ts';
import { startTestSidecar } from '../helpers/sidecar.ts';

/** Two days of somebody who starts a job every ten minutes: `ERASE_CONCEPT_USES=N` takes another number. */
const uses = rounds({ few: 0, many: Number(process.env.ERASE_CONCEPT_USES ?? 288) });
/** What a job of so short a run leaves in caches may grow by so much. */
const MOST_GROWTH = 1.1;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

// Long by nature: `npm run test:long` runs it.
it.skipIf(uses === 0)(
  `${uses} jobs, some cancelled, put into use and taken back, leave no memory, files or handles`,
  async () => {
    const random = createTestRandom('use of a server');
    const sidecar = await startTestSidecar({ requestLimit: Number.MAX_SAFE_INTEGER });
    const looks: { heap: number; files: number; handles: number }[] = [];
    const ask = async (id: string, action: string) =>
      (await sidecar.api('post', `/jobs/${id}/${action}`)).status;
    for (let i = 0; i < uses; i++) {
      const { id } = await sidecar.create({ settings: { steps: 4 } });
      if (random() < 0.3) {
        await ask(id, 'cancel');
        await sidecar.reaches(id, 'cancelled', 'done');
      } else {
        await sidecar.reaches(id, 'done');
        if (random() < 0.5) {
          expect(await ask(id, 'apply')).toBe(200);
          expect(await ask(id, 'rollback')).toBe(200);
        }
      }
      const { body } = (await sidecar.api('get', `/jobs/${id}`)) as { body: JobView };
      expect(['done', 'cancelled']).toContain(body.state);
      expect((await sidecar.api('delete', `/jobs/${id}?model=true`)).status).toBeLessThan(300);
      collectGarbage();
      looks.push({
        heap: process.memoryUsage().heapUsed,
        files: readdirSync(sidecar.data, { recursive: true }).length,
        handles: readdirSync('/proc/self/fd').length,
      });
    }
    // What is loaded at the first uses is not growth.
    const quarter = Math.ceil(looks.length / 4);
    const early = looks.slice(quarter, 2 * quarter);
    const late = looks.slice(-quarter);
    for (const what of ['heap', 'files', 'handles'] as const) {
      const [before, after] = [early, late].map((some) => median(some.map((one) => one[what])));
      console.log(`${what}: ${before} → ${after}`);
      expect(after, what).toBeLessThanOrEqual(MOST_GROWTH * (before ?? 0));
    }
  },
  3_600_000,
);

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
