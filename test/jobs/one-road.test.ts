import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import type { JobRequest } from '../../src/contract/requests.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import { folderOfJob, openJobFolder } from '../../src/jobs/local/job-folder.ts';
import { runOwnJob } from '../../src/jobs/local/run-own-job.ts';
import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { prepareJob } from '../../src/jobs/request/prepare-job.ts';
import { presetFolders } from '../../src/presets/load-presets.ts';
import { jobFolderOf, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const never = new AbortController().signal;
const worker = new URL('./workers/quick-worker.ts', import.meta.url);

/** The files of a job that say what it is, without what differs from one to the next. */
function recordsOf(folder: string) {
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8');
  const request = parse(read('request.yaml')) as Record<string, unknown>;
  const job = parse(read('job.yaml')) as Record<string, unknown>;
  const { createdAt: _1, outputFolder: _2, ...asked } = request;
  const { createdAt: _3, id: _4, output, loraOutput, ...run } = job;
  return {
    asked,
    run,
    results: [output, loraOutput].map((file) => path.basename(String(file))),
    status: JSON.parse(read('status.json')) as unknown,
  };
}

const asked = {
  ...{ preset: 'pontilla', forget: ['a red star in the style of Pontilla => a red star'] },
  ...{ retain: ['a blue moon'], anchor: 'a photo', concept: 'Pontilla' },
};
const settings = { steps: 2, generatedRetain: 3, sampleEvery: 1, evaluationPictures: 0 };

it('a request makes the same job from the command line and through the sidecar', async () => {
  const request: Partial<JobRequest> = { ...asked, settings, device: 'cpu' };
  const sidecar = await startTestSidecar();
  const { id } = await sidecar.create(request);
  await sidecar.reaches(id, 'done');

  const data = makeTemporaryFolder();
  const command: EraseRequest = {
    ...{ ...asked, settings, device: 'cpu', threads: 1, variables: {} },
    ...{ forgetImages: undefined, retainImages: undefined, output: undefined },
    // Where the sidecar has the shipped model's results.
    ...{ model: path.resolve('presets/tiny-sd', tinyModel), outputFolder: data },
  };
  const { draft, job } = await prepareJob(command, {
    dataFolder: data,
    presetFolders: presetFolders(data),
    chooseDevice: () => Promise.resolve('cpu'),
  });
  const folder = await new FolderRepository(data).addPrepared(draft, job);
  await runOwnJob(folder, { onEvent: () => undefined, cancel: never, kill: never, worker });

  expect(recordsOf(folder.path)).toEqual(recordsOf(jobFolderOf(sidecar, id)));
  expect((await openJobFolder(folderOfJob(data, folder.job.id))).job.forget).toContainEqual({
    prompt: 'a red star in the style of Pontilla',
    anchor: 'a red star',
  });
}, 60_000);

it('only the page has samples where nothing is said of them, all jobs are compared', async () => {
  const sidecar = await startTestSidecar();
  const { id } = await sidecar.create({ settings: { steps: 16 } });
  const { settings: watched } = await sidecar.reaches(id, 'done');
  expect(watched).toMatchObject({ sampleEvery: 2, evaluationPictures: 1 });
  const { draft } = await prepareJob(
    {
      ...{ preset: undefined, variables: {}, forget: ['a red heart'], retain: ['a star'] },
      ...{ forgetImages: undefined, retainImages: undefined, anchor: undefined },
      ...{ concept: undefined, settings: { steps: 16 }, device: 'cpu', threads: 1 },
      model: path.resolve('presets/tiny-sd', tinyModel),
      output: path.join(makeTemporaryFolder(), 'result.safetensors'),
    },
    {
      dataFolder: makeTemporaryFolder(),
      presetFolders: [],
      chooseDevice: () => Promise.resolve('cpu'),
    },
  );
  expect(draft.settings).toMatchObject({ sampleEvery: 0, evaluationPictures: 1 });
});
