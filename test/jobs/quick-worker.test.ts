import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { stepsOfResult } from '../../src/erase/result.ts';
import { runTraining } from '../../src/jobs/local/training-process.ts';
import { makeTinyJob } from '../erase/tiny-job.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { createJobFolder } from './create-job-folder.ts';

const quickWorker = new URL('./workers/quick-worker.ts', import.meta.url);

/** What a worker tells of a job of three steps, in its order, and what it leaves behind. */
async function run(worker?: URL) {
  const data = makeTemporaryFolder();
  const settings = { steps: 3, batch: 1, sampleEvery: 3, generationSteps: 2 };
  const { id: _tiny, ...job } = await makeTinyJob(data, settings);
  const folder = await createJobFolder(data, 'tiny', job);
  const never = new AbortController().signal;
  const options = { onEvent: () => undefined, cancel: never, kill: never };
  await runTraining(folder.path, { ...options, ...(worker && { worker }) });
  const events = await folder.readEvents();
  const outline = events
    .filter((event) => event.event !== 'sample' || event.which === 'after')
    .map((event) => {
      const fields = Object.keys(event).sort().join(' ');
      return event.event === 'phase' ? `${event.phase}: ${fields}` : fields;
    });
  const sample = events.find((event) => event.event === 'sample');
  return {
    outline: outline.filter((line, i) => line !== outline[i - 1]),
    samplesFolder: sample && path.relative(folder.path, path.dirname(sample.file)),
    files: readdirSync(folder.path).filter((name) => name !== 'report.html'),
    steps: await stepsOfResult(folder.job),
  };
}

it('the quick worker of the tests tells and leaves what a real run does, but for the report', async () => {
  expect(await run(quickWorker)).toEqual(await run());
});
