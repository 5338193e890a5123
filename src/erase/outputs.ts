import { trainingOf } from '../methods/registry.ts';
import type { EraseJob } from './job.ts';

/** Where a job's results go; null for what it does not make. */
export interface Outputs {
  readonly checkpoint: string | null;
  readonly lora: string | null;
}

export function outputsOf({ output, loraOutput, settings }: EraseJob): Outputs {
  switch (trainingOf(settings)?.output ?? 'checkpoint') {
    case 'checkpoint':
      return { checkpoint: output, lora: null };
    case 'lora':
      return { checkpoint: null, lora: output };
    case 'both':
      return { checkpoint: output, lora: loraOutput };
  }
}
