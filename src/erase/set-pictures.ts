import path from 'node:path';

import type { EraseSettings } from '../methods/registry.ts';
import { seedFor } from '../tensor/random.ts';
import type { Role } from '../evaluation/figure.ts';
import type { EraseJob } from './job.ts';

/** A picture that stands for what a set says in words. */
export interface SetPicture {
  readonly prompt: string;
  readonly seed: number;
}

/** How many pictures the model draws for a set that none are given for. */
export function drawnCount(settings: EraseSettings, role: Role): number {
  if (role === 'retain') return 'generatedRetain' in settings ? settings.generatedRetain : 0;
  // A method that forgets given pictures draws none, nor does one that needs none.
  return 'generatedForget' in settings ? settings.generatedForget : 0;
}

/** The pictures of a set that none were given for: its prompts in turn, each with its own noise. */
export function picturesOfSet(
  { forget, retain, settings }: Pick<EraseJob, 'forget' | 'retain' | 'settings'>,
  role: Role,
): SetPicture[] {
  const prompts = role === 'forget' ? forget.map(({ prompt }) => prompt) : retain;
  return Array.from({ length: drawnCount(settings, role) }, (_, i) => ({
    prompt: prompts[i % prompts.length] ?? '',
    seed: seedFor(settings.seed, 'generate', role, i),
  }));
}

/**
 * Where a job has the pictures of its sets that a web UI drew, those of each set in a folder of its
 * name. The folder is there when all of them are.
 */
export const drawnFolderOf = (jobFolder: string) => path.join(jobFolder, 'drawn');
