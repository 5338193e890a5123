import path from 'node:path';

import { AppError, asAppError } from '../../errors.ts';
import { type Combination, parseSweep } from './read-sweep.ts';
import { readOwed, readSweepText, sweepsFolderOf } from './sweep-folder.ts';
import { readJobs, type SweepJobs } from './sweep-jobs.ts';

/** A sweep as the server that keeps it knows it. */
export class ServerSweep {
  readonly name: string;
  readonly folder: string;
  yaml = '';
  combinations: readonly Combination[] = [];
  jobs: SweepJobs = {};
  /** Keys of what is to be done and was not asked for yet, in its order. */
  owed = new Set<string>();
  /** Why there is no job of a combination, by its key, or none again. */
  readonly errors = new Map<string, AppError>();
  /** Jobs that were asked for and may still wait for their turn. */
  readonly waiting = new Set<string>();
  /** Why it cannot be read; null where it can. */
  fault: AppError | null = null;

  constructor(dataFolder: string, name: string) {
    this.name = name;
    this.folder = path.join(sweepsFolderOf(dataFolder), name);
  }

  /** Reads what is kept of it; what is wrong with that is its fault. */
  async read(): Promise<void> {
    this.fault = null;
    try {
      this.yaml = await readSweepText(this.folder);
      this.jobs = await readJobs(this.folder);
      this.combinations = combinationsOf(this.yaml, this.name);
      this.owed = new Set(await readOwed(this.folder));
    } catch (error) {
      this.fault = asAppError(error);
    }
  }
}

/**
 * What a text asks a server for: models by their names, and no pictures, which would lie where the page is.
 *
 * @throws AppError `sweep.invalid`, `concepts.invalid`
 */
export function combinationsOf(yaml: string, name: string): Combination[] {
  return parseSweep(yaml, name, {
    model: (model) => model,
    images: (_, concept) => {
      throw new AppError(
        'sweep.invalid',
        `the sweep "${name}": "${concept}" has a folder of pictures, which a sweep of a server is not given. Leave images out, or use the command line.`,
      );
    },
  });
}
