import path from 'node:path';

import { withoutModelEnding } from '../checkpoint/model-ending.ts';
import { trainingOf } from '../methods/registry.ts';
import type { EraseJob } from './job.ts';

/** Where a job's results go; null for what it does not make. */
export interface Outputs {
  readonly checkpoint: string | null;
  readonly lora: string | null;
}

/** @param folder the job's */
export function outputsOf(job: EraseJob, folder: string): Outputs {
  const { output, loraOutput } = job;
  switch (trainingOf(job.settings)?.output ?? 'checkpoint') {
    case 'checkpoint':
      return { checkpoint: output, lora: null };
    case 'lora':
      return { checkpoint: null, lora: output };
    case 'both':
      return { checkpoint: output, lora: loraOutput ?? path.join(folder, loraNameFor(output)) };
  }
}

/** The name of a LoRA file beside a checkpoint: hosts cut names at dots, or keys made of them. */
function loraNameFor(checkpointPath: string): string {
  return `${withoutDots(withoutModelEnding(path.basename(checkpointPath)))}.safetensors`;
}

/** A name of a LoRA file, without its ending, as all hosts take it. */
export function withoutDots(title: string): string {
  return title.replaceAll('.', '_');
}
