import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { randomUUID } from 'node:crypto';

import { pathExists } from '../../checkpoint/output-path.ts';
import { AppError } from '../../errors.ts';
import { isMissingFile } from '../../system-error.ts';
import type { Store } from './store.ts';

/** A folder that all machines see: a network share. */
export class FolderStore implements Store {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  has(key: string): Promise<boolean> {
    return pathExists(this.pathOf(key));
  }

  async put(key: string, file: string): Promise<void> {
    const place = this.pathOf(key);
    if (await pathExists(place)) return;
    await mkdir(path.dirname(place), { recursive: true });
    const temporary = `${place}.${randomUUID()}.part`;
    try {
      await copyFile(file, temporary);
      const handle = await open(temporary, 'r+');
      await handle.sync().finally(() => handle.close());
      await rename(temporary, place);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string, file: string): Promise<void> {
    try {
      await copyFile(this.pathOf(key), file);
    } catch (error) {
      if (!isMissingFile(error)) throw error;
      throw new AppError(
        'artifact.missing',
        `"${key}" is not in the store "${this.folder}". Is the same folder mounted on all machines?`,
        { cause: error },
      );
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) await rm(this.pathOf(key), { force: true });
  }

  async deleteAll(prefix: string): Promise<void> {
    await rm(this.pathOf(prefix), { recursive: true, force: true });
  }

  private pathOf(key: string): string {
    return path.join(this.folder, ...key.split('/'));
  }
}
