import type { EraseJob } from '../../src/erase/job.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import type { JobFolder } from '../../src/jobs/local/job-folder.ts';
import type { JobDraft } from '../../src/jobs/request/job-draft.ts';

/** What was asked for where a job came of it. */
export function draftOf(concept: string, job: Omit<EraseJob, 'id'>): JobDraft {
  const { model, prediction: _1, output, outputIsGiven, vae, embeddings, ...rest } = job;
  return {
    ...rest,
    concept,
    model: model.path,
    vae: vae?.path ?? null,
    embeddings: embeddings.map(({ path }) => path),
    output: outputIsGiven ? output : null,
    outputFolder: null,
    loraFolder: null,
    pictures: 'sidecar',
  };
}

/** The folder of a job that is prepared. */
export function createJobFolder(
  data: string,
  concept: string,
  job: Omit<EraseJob, 'id'>,
): Promise<JobFolder> {
  return new FolderRepository(data).addPrepared(draftOf(concept, job), job);
}
