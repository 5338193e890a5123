import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { DrawnSets } from '../../src/erase/drawn-sets.ts';
import { runJob } from '../../src/erase/run.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob } from './tiny-job.ts';

it('a set is drawn once for all jobs that draw the same, and their results are the same', async () => {
  const folder = makeTemporaryFolder();
  const shared = path.join(folder, 'sets');
  const sets = () => readdirSync(shared).sort();
  const run = async (name: string, settings: object, isShared = true) => {
    const place = path.join(folder, name);
    const job = await makeTinyJob(place, { steps: 2, ...settings });
    mkdirSync(path.join(place, 'samples'));
    const io = { onEvent: () => undefined, past: [], signal: new AbortController().signal };
    await runJob(job, place, io, isShared ? new DrawnSets(shared) : null);
    return readFileSync(job.output);
  };
  await run('first', { learningRate: 1e-3 });
  const drawn = sets();
  expect(drawn).toHaveLength(2);
  const [cut = '', whole = ''] = drawn.map((name) => path.join(shared, name));
  truncateSync(cut, 400);
  const { ino } = statSync(whole);

  // One set is found, and one that is damaged is drawn again.
  const again = await run('again', {});
  expect(sets()).toEqual(drawn);
  expect(statSync(whole).ino).toBe(ino);
  expect(statSync(cut).size).toBe(statSync(whole).size);
  expect(again.equals(await run('alone', {}, false))).toBe(true);

  await run('others', { drawSteps: 7 });
  expect(sets()).toHaveLength(4);
});
