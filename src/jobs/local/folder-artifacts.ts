import { stat } from 'node:fs/promises';
import path from 'node:path';

import type { Artifacts } from '../ports.ts';
import { jobsFolderOf } from './job-folder.ts';

/** The files of jobs where the jobs are: in their folders, for every process of this machine. */
export class FolderArtifacts implements Artifacts {
  private readonly folder: string;

  constructor(dataFolder: string) {
    this.folder = path.resolve(jobsFolderOf(dataFolder));
  }

  checkOut(id: string): Promise<string> {
    return Promise.resolve(path.join(this.folder, id));
  }

  checkIn(): Promise<void> {
    return Promise.resolve();
  }

  async find(id: string, name: string): Promise<string | null> {
    const job = path.join(this.folder, id);
    const file = path.resolve(job, name);
    if (!file.startsWith(`${job}${path.sep}`)) return null;
    const found = await stat(file).catch(() => null);
    return found?.isFile() ? file : null;
  }
}
