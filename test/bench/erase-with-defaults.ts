import { mkdtemp, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { describeJudged } from '../../src/erase/describe-judged.ts';
import type { EraseEvent } from '../../src/erase/events.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import { prepareJob } from '../../src/jobs/request/prepare-job.ts';
import { runOwnJob } from '../../src/jobs/local/run-own-job.ts';

/** What a measurement says of an erasure; all else is as by default. */
type Asked = Pick<EraseRequest, 'model' | 'forget' | 'retain'> & Partial<EraseRequest>;

/**
 * Erases with the default settings on the CPU, in a temporary folder of its own.
 *
 * What it finds on its way is printed.
 *
 * @returns the job; its result lies in that folder, which is the caller's to remove
 */
export async function eraseWithDefaults(asked: Asked): Promise<EraseJob> {
  const folder = await mkdtemp(path.join(tmpdir(), 'erase-concept-bench-'));
  // What is made of a folder is one.
  const isFolder = (await stat(asked.model)).isDirectory();
  // Measurements count for themselves.
  const settings = { evaluationPictures: 0, ...asked.settings };
  const request: EraseRequest = {
    ...{ preset: undefined, variables: {}, settings: {}, device: 'cpu' },
    ...{ forgetImages: undefined, retainImages: undefined, anchor: undefined, concept: undefined },
    threads: availableParallelism(),
    output: path.join(folder, isFolder ? 'scrubbed' : 'scrubbed.safetensors'),
    ...{ ...asked, settings },
  };
  const { draft, job } = await prepareJob(request, {
    dataFolder: folder,
    presetFolders: [],
    chooseDevice: () => Promise.resolve('cpu'),
  });
  const jobFolder = await new FolderRepository(folder).addPrepared(draft, job);
  const never = new AbortController().signal;
  await runOwnJob(jobFolder, { onEvent: tell, cancel: never, kill: never });
  return jobFolder.job;
}

function tell(event: EraseEvent): void {
  if (event.event === 'judged') console.log(describeJudged(event));
  if (event.event === 'note' || event.event === 'notice') console.log(event.message);
}
