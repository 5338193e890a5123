import path from 'node:path';

import { outputsOf } from '../erase/outputs.ts';
import type { JobRecord } from './job-record.ts';
import type { Artifacts } from './ports.ts';

/** A job's LoRA file. */
export interface JobLora {
  readonly file: string;
  /** Whether it lies in the job's folder, and goes with it. */
  readonly isInJob: boolean;
}

/** The LoRA file that a job makes, wherever it is; null for a job that makes none. */
export async function jobLora(
  { id, job }: JobRecord,
  artifacts: Artifacts,
): Promise<JobLora | null> {
  const made = job && outputsOf(job).lora;
  if (made === null) return null;
  // One that was taken out of the host's folder is kept there.
  const own = await artifacts.find(id, path.basename(made));
  return { file: own ?? made, isInJob: own !== null };
}

/** Where a LoRA file that is taken out of the host's folder is kept. */
export async function loraKeptAt({ id }: JobRecord, file: string, artifacts: Artifacts) {
  return path.join(await artifacts.checkOut(id), path.basename(file));
}
