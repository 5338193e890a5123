import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import { jobsFolderOf } from './job-folder.ts';
import { JobRecord } from '../job-record.ts';

/** The folders are looked through for what other processes did at most this often. */
const REFRESH_MS = 2000;
/** A folder that is no job yet may be one that is just being made; older ones were given up. */
const UNFINISHED_MS = 60 * 60 * 1000;
/** Names of folders that are being deleted begin so. */
const DELETED_PREFIX = '.deleted-';

/** All jobs of a data folder, those of the command line too. */
export class JobStore {
  private readonly folder: string;
  private readonly records = new Map<string, JobRecord>();
  private refreshed = Number.NEGATIVE_INFINITY;
  private refreshing: Promise<void> | null = null;

  constructor(dataFolder: string) {
    this.folder = jobsFolderOf(dataFolder);
  }

  /** Reads every job and removes what deletions and attempts that were killed have left. */
  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    for (const name of await readdir(this.folder)) {
      const folder = path.join(this.folder, name);
      if (name.startsWith(DELETED_PREFIX)) await rm(folder, { recursive: true, force: true });
    }
    await this.refresh();
    for (const name of await this.folderNames()) {
      if (!this.records.has(name)) await this.removeIfGivenUp(path.join(this.folder, name));
    }
  }

  /** All jobs, the newest first. */
  async all(): Promise<JobRecord[]> {
    await this.refresh();
    return this.known();
  }

  /** Those that are known without looking at the disk, the newest first. */
  known(): JobRecord[] {
    return [...this.records.values()].sort(
      (a, b) =>
        b.request.createdAt.localeCompare(a.request.createdAt) || b.id.localeCompare(a.id, 'en'),
    );
  }

  /** @throws AppError `job.not-found` */
  async get(id: string): Promise<JobRecord> {
    if (!this.records.has(id)) await this.refresh();
    const record = this.records.get(id);
    if (!record) throw notFound(id);
    return record;
  }

  /** Takes up a job whose folder was just made. */
  async add(folder: string): Promise<JobRecord> {
    const record = await JobRecord.open(folder);
    if (!record) throw notFound(path.basename(folder));
    this.records.set(record.id, record);
    return record;
  }

  /** Deletes a job with everything in its folder. */
  async delete(record: JobRecord): Promise<void> {
    const aside = path.join(this.folder, `${DELETED_PREFIX}${randomUUID()}`);
    await rename(record.folder, aside);
    this.records.delete(record.id);
    await rm(aside, { recursive: true, force: true });
  }

  private async refresh(): Promise<void> {
    if (performance.now() - this.refreshed < REFRESH_MS) return;
    this.refreshing ??= this.readFolders().finally(() => {
      this.refreshed = performance.now();
      this.refreshing = null;
    });
    await this.refreshing;
  }

  private async readFolders(): Promise<void> {
    const names = await this.folderNames();
    for (const id of this.records.keys()) {
      if (!names.includes(id)) this.records.delete(id);
    }
    for (const name of names) {
      const known = this.records.get(name);
      if (known) {
        await known.catchUp();
        continue;
      }
      // One that is damaged is left alone: it may be of a newer version.
      const found = await JobRecord.open(path.join(this.folder, name)).catch(() => null);
      // It may have been added meanwhile.
      if (found && !this.records.has(name)) this.records.set(name, found);
    }
  }

  private async folderNames(): Promise<string[]> {
    const entries = await readdir(this.folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name);
  }

  /** Removes a folder that was claimed for a job that never became one. */
  private async removeIfGivenUp(folder: string): Promise<void> {
    const names = await readdir(folder).catch(() => ['?']);
    const isOurs = names.every((name) =>
      ['state', 'samples', 'forget-images', 'retain-images'].includes(name),
    );
    const { mtimeMs } = await stat(folder);
    if (isOurs && Date.now() - mtimeMs > UNFINISHED_MS) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

function notFound(id: string): AppError {
  return new AppError(
    'job.not-found',
    `there is no job ${JSON.stringify(id.slice(0, 100))}. It may have been deleted.`,
  );
}
