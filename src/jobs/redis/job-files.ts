import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { isMissingFile } from '../../system-error.ts';
import type { Artifacts } from '../ports.ts';
import { type FileContent, HashMemory } from '../store/hash-file.ts';
import type { Store } from '../store/store.ts';
import { fetchFile, storeFile } from '../store/transfer.ts';
import { linkOrCopy } from './file-cache.ts';
import { filesSchema, type StoredFiles } from './inputs.ts';
import type { JobKeeper } from './job-keeper.ts';
import { withinFolder } from './places.ts';

/** Of the folder of a job these are kept elsewhere, or are of this machine alone. */
const left =
  /^(inputs|\.files)\/|^(job\.yaml|request\.yaml|status\.json|events\.ndjson|lock)$|\.part$/;
/** Where files are as they were at one moment, while a run goes on. */
const MOMENT = '.files';
const MAX_LOOKS = 20;

/** Where a job's own file lies in the store. */
export const fileKey = (id: string, sha256: string) => `jobs/${id}/${sha256}`;

interface FileTools {
  readonly keeper: JobKeeper;
  readonly store: Store;
  readonly hashes: HashMemory;
  readonly folderOf: (id: string) => string;
}

/** The files of jobs in a store, by their hashes: what is there of a job stands with it in Redis. */
export class JobFiles implements Artifacts {
  private readonly tools: FileTools;

  constructor(tools: FileTools) {
    this.tools = tools;
  }

  /**
   * The job's folder, with what was checked in.
   *
   * @param isWanted of which files, by their names. Default: all
   * @throws AppError `artifact.*`
   */
  async checkOut(id: string, isWanted: (name: string) => boolean = () => true): Promise<string> {
    const folder = this.tools.folderOf(id);
    await mkdir(folder, { recursive: true });
    for (const [name, content] of Object.entries(await this.stored(id))) {
      if (isWanted(name)) await this.fetch(id, { name, content });
    }
    return folder;
  }

  /** Adds what lies in the job's folder to what was checked in. */
  async checkIn(id: string): Promise<void> {
    const before = await this.stored(id);
    await this.keep(id, { ...before, ...(await this.storeFolder(id)) });
  }

  /**
   * Has what was checked in be what lies in the job's folder now, as it is at one moment, and nothing else;
   * for whoever works on it.
   */
  async checkInWhole(id: string): Promise<void> {
    const before = await this.stored(id);
    const now = await this.storeFolder(id);
    await this.keep(id, now);
    const needed = new Set(Object.values(now).map(({ sha256 }) => sha256));
    const over = Object.values(before).filter(({ sha256 }) => !needed.has(sha256));
    await this.tools.store.delete(over.map(({ sha256 }) => fileKey(id, sha256)));
  }

  async find(id: string, name: string): Promise<string | null> {
    const content = (await this.stored(id))[name];
    return content ? this.fetch(id, { name, content }) : null;
  }

  /** Everything that a job had in the store. */
  async delete(id: string): Promise<void> {
    await this.tools.store.deleteAll(`jobs/${id}/`);
    await rm(this.tools.folderOf(id), { recursive: true, force: true });
  }

  private async fetch(id: string, { name, content }: NamedFile): Promise<string> {
    const file = withinFolder(this.tools.folderOf(id), name);
    const { sha256 } = content;
    const here = await this.tools.hashes.hash(file).catch(() => null);
    if (here?.sha256 !== sha256) {
      await fetchFile(this.tools.store, fileKey(id, sha256), { sha256, file });
    }
    return file;
  }

  /** All that was checked in, by its names. */
  async stored(id: string): Promise<StoredFiles> {
    const [json] = await this.tools.keeper.read(id, ['files']);
    return filesSchema.parse(JSON.parse(json ?? '{}'));
  }

  private async keep(id: string, files: StoredFiles): Promise<void> {
    await this.tools.keeper.write(id, { files: JSON.stringify(files) }, 'growth');
  }

  private async storeFolder(id: string): Promise<StoredFiles> {
    const folder = this.tools.folderOf(id);
    const moment = path.join(folder, MOMENT);
    await rm(moment, { recursive: true, force: true });
    try {
      const files: StoredFiles = {};
      for (const name of await this.takeMoment(folder, moment)) {
        files[name] = await this.storeOne(id, path.join(moment, name));
      }
      return files;
    } finally {
      await rm(moment, { recursive: true, force: true });
    }
  }

  /**
   * Gives all files a second name, under which each stays what it is when another takes its place.
   *
   * @returns their names, when nothing has changed meanwhile: together they are what a run can go on from
   */
  private async takeMoment(folder: string, moment: string): Promise<string[]> {
    for (let look = 1; ; look++) {
      const before = await stampsIn(folder);
      try {
        for (const name of before.keys()) {
          const to = path.join(moment, name);
          await mkdir(path.dirname(to), { recursive: true });
          await linkOrCopy(path.join(folder, name), to);
        }
        if (isSame(before, await stampsIn(folder))) return [...before.keys()];
      } catch (error) {
        if (!isMissingFile(error)) throw error;
      }
      if (look === MAX_LOOKS) throw new Error(`the files in "${folder}" do not come to rest`);
      await rm(moment, { recursive: true, force: true });
    }
  }

  /** One that is written to in its place meanwhile is stored again. */
  private async storeOne(id: string, file: string): Promise<FileContent> {
    const { store, hashes } = this.tools;
    for (;;) {
      const before = stampOf(await stat(file));
      const content = await hashes.hash(file);
      const key = fileKey(id, content.sha256);
      await storeFile(store, key, file);
      if (stampOf(await stat(file)) === before) return content;
      await store.delete([key]);
    }
  }
}

interface NamedFile {
  readonly name: string;
  readonly content: FileContent;
}

function stampOf({ ino, size, mtimeMs }: Record<'ino' | 'size' | 'mtimeMs', number>): string {
  return `${ino} ${size} ${mtimeMs}`;
}

/** Each file of a job that is kept, by its name, and by what can be told whether it has changed. */
export async function stampsIn(folder: string): Promise<Map<string, string>> {
  const stamps = new Map<string, string>();
  const all = { recursive: true, withFileTypes: true } as const;
  const entries = await readdir(folder, all).catch(() => []);
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(folder, file).split(path.sep).join('/');
    if (!entry.isFile() || left.test(name)) continue;
    const found = await stat(file).catch(() => null);
    if (found) stamps.set(name, stampOf(found));
  }
  return stamps;
}

/** Whether nothing came, went or changed. */
export function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, stamp]) => b.get(name) === stamp);
}
