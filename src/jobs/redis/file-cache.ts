import { copyFile, link, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';

import { pathExists } from '../../checkpoint/output-path.ts';
import { systemErrorCode } from '../../system-error.ts';
import type { FileContent } from '../store/hash-file.ts';
import type { Store } from '../store/store.ts';
import { fetchFile } from '../store/transfer.ts';
import { inputKey } from './inputs.ts';

/** Models and other inputs that this machine has fetched, the latest used ones, for all its workers. */
export class FileCache {
  private readonly folder: string;
  private readonly store: Store;
  private readonly maxBytes: number;

  constructor({ folder, store, maxBytes }: { folder: string; store: Store; maxBytes: number }) {
    this.folder = folder;
    this.store = store;
    this.maxBytes = maxBytes;
  }

  /** SHA-256 of each file that need not be fetched. */
  async names(): Promise<readonly string[]> {
    return readdir(this.folder).catch(() => []);
  }

  /**
   * Puts a file into a job's folder, fetched if it is not here.
   *
   * @throws AppError `artifact.*`
   */
  async place(content: FileContent, file: string): Promise<void> {
    const { sha256 } = content;
    const cached = this.pathOf(sha256);
    if (!(await pathExists(cached))) {
      await this.makeRoom(content.bytes);
      await fetchFile(this.store, inputKey(sha256), { sha256, file: cached });
    }
    const now = new Date();
    await utimes(cached, now, now);
    await mkdir(path.dirname(file), { recursive: true });
    await linkOrCopy(cached, file);
  }

  /** Removes what was not used for longest. What a job uses has a name in its folder, too. */
  private async makeRoom(bytes: number): Promise<void> {
    const files = [];
    for (const name of await this.names()) {
      const file = path.join(this.folder, name);
      const found = await stat(file).catch(() => null);
      if (found) files.push({ file, bytes: found.size, used: found.mtimeMs });
    }
    files.sort((a, b) => a.used - b.used);
    let total = files.reduce((sum, file) => sum + file.bytes, bytes);
    for (const file of files) {
      if (total <= this.maxBytes) return;
      await rm(file.file, { force: true });
      total -= file.bytes;
    }
  }

  private pathOf(sha256: string): string {
    return path.join(this.folder, sha256);
  }
}

/** Without copying where the file system can. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST') return;
    if (code === 'ENOENT' || code === 'ENOSPC') throw error;
    await copyFile(from, to);
  }
}
