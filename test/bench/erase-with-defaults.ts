import { mkdtemp } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { createJobFolder } from '../../src/jobs/local/job-folder.ts';
import { prepareJob } from '../../src/jobs/request/prepare-job.ts';
import { runJobFolder } from '../../src/jobs/local/run-job.ts';

/** What a measurement says of an erasure; all else is as by default. */
type Asked = Pick<EraseRequest, 'model' | 'forget' | 'retain'> & Partial<EraseRequest>;

/**
 * Erases with the default settings on the CPU, in a temporary folder of its own.
 *
 * @returns the job; its result lies in that folder, which is the caller's to remove
 */
export async function eraseWithDefaults(asked: Asked): Promise<EraseJob> {
  const folder = await mkdtemp(path.join(tmpdir(), 'erase-concept-bench-'));
  const request: EraseRequest = {
    ...{ preset: undefined, variables: {}, settings: {}, device: 'cpu' },
    ...{ forgetImages: undefined, retainImages: undefined, anchor: undefined, concept: undefined },
    threads: availableParallelism(),
    output: path.join(folder, 'scrubbed.safetensors'),
    ...asked,
  };
  const { job, concept } = await prepareJob(request, {
    dataFolder: folder,
    presetFolders: [],
    chooseDevice: () => Promise.resolve('cpu'),
  });
  const jobFolder = await createJobFolder(folder, concept, job);
  const never = new AbortController().signal;
  await runJobFolder(jobFolder, { onEvent: () => undefined, cancel: never, kill: never });
  return jobFolder.job;
}
