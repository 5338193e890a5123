import path from 'node:path';

import { chooseFreeName, parseResultName } from '../checkpoint/output-name.ts';
import { isFolder } from '../checkpoint/output-path.ts';
import type { JobCompanions } from '../erase/companions.ts';
import type { EraseJob } from '../erase/job.ts';
import { outputsOf } from '../erase/outputs.ts';
import { askProcess } from '../processes/ask-process.ts';
import type { JobStatus } from './job-status.ts';

/** What the merging process is asked. */
export interface MergeQuestion {
  /** Path of the original. */
  readonly model: string;
  readonly baseLoras: JobCompanions['baseLoras'];
  /** Path of the LoRA file. */
  readonly lora: string;
  readonly strength: number;
  readonly output: string;
}

const mergeWorker = new URL('./merge-worker.ts', import.meta.url);

/**
 * Writes a checkpoint with a job's LoRA at a strength, in a process of its own: beside the job's result, under a
 * free name that says the strength.
 *
 * @param folder where checkpoints go, for a job whose result is the LoRA file
 * @throws AppError `lora.invalid`, `checkpoint.*`, `output.*`, `device.crashed`
 */
export async function writeMergedModel(
  job: EraseJob,
  { lora, strength, folder }: { lora: string; strength: number; folder: string },
): Promise<JobStatus['merged'][number]> {
  const { checkpoint } = outputsOf(job);
  const model = job.model.path;
  const output = await chooseFreeName({
    ...parseResultName(checkpoint ?? lora),
    folder: checkpoint === null ? folder : path.dirname(checkpoint),
    ending: (await isFolder(model)) ? '' : '.safetensors',
    suffix: `-strength-${strength}`,
  });
  const question: MergeQuestion = { model, baseLoras: job.baseLoras, lora, strength, output };
  const purpose = 'merging the LoRA';
  const remark = (await askProcess(mergeWorker, question, { purpose })) as string;
  return { path: output, strength, remark };
}
