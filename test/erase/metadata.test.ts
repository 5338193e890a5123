import { expect, it } from 'vitest';

import { readProvenance } from '../../src/checkpoint/provenance.ts';
import { provenanceOf, stepsOfResult } from '../../src/erase/result.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

it('a result names nothing of what it forgot unless that is wanted, and is known to its job', async () => {
  const folder = makeTemporaryFolder();
  const job = await makeTinyJob(folder, { method: 'uce' });
  await runTinyJob(job, folder);
  const file = await openSafetensors(job.output);
  const all = [...file.metadata.values()].join();
  await file.close();
  for (const word of ['Pontilla', 'Strivo', 'moon', 'heart']) expect(all).not.toContain(word);
  expect(readProvenance(file.metadata)).toMatchObject({
    method: 'uce',
    job: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
  });
  expect(await stepsOfResult(job)).toBe(1);
  // Of the same request at another time it would be, of other words it is not.
  expect(await stepsOfResult({ ...job, createdAt: '2026-11-24T04:15:31.000Z' })).toBe(1);
  expect(await stepsOfResult({ ...job, retain: ['a blue moon'] })).toBeNull();

  const settings = { ...job.settings, metadata: 'full' as const };
  expect(provenanceOf({ ...job, settings }, 1, [])).toMatchObject({
    ...{ forget: job.forget, retain: job.retain },
  });
}, 60_000);
