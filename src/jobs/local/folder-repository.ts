import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import { pathExists } from '../../checkpoint/output-path.ts';
import type { EraseJob } from '../../erase/job.ts';
import { newStatus } from '../job-status.ts';
import { type GivenPictures, type JobRepository, nothingGiven } from '../ports.ts';
import { type JobDraft, requestPathOf, writeDraft } from '../request/job-draft.ts';
import {
  claimJobFolder,
  type JobFolder,
  jobPathOf,
  jobsFolderOf,
  openJobFolder,
  writeJob,
} from './job-folder.ts';
import { StoredFolder } from './stored-folder.ts';

/** A folder that is no job yet may be one that is just being made; older ones were given up. */
const UNFINISHED_MS = 60 * 60 * 1000;
/** Names of folders that are being deleted begin so. */
const DELETED_PREFIX = '.deleted-';
/** All that a folder holds until it is a job. */
const claimed = /^(state|samples|embeddings|(forget|retain|concept-\d+)-images|status\.json)$/;

/** Jobs as folders in a data folder, those of the command line too. */
export class FolderRepository implements JobRepository {
  private readonly dataFolder: string;
  private readonly folder: string;

  constructor(dataFolder: string) {
    this.dataFolder = dataFolder;
    this.folder = jobsFolderOf(dataFolder);
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    for (const name of await readdir(this.folder)) {
      if (!name.startsWith(DELETED_PREFIX)) continue;
      await rm(path.join(this.folder, name), { recursive: true, force: true });
    }
    for (const id of await this.ids()) {
      if (!(await isJob(this.folderOf(id)))) await removeIfGivenUp(this.folderOf(id));
    }
  }

  async revisions(): Promise<ReadonlyMap<string, null>> {
    return new Map((await this.ids()).map((id) => [id, null]));
  }

  private async ids(): Promise<string[]> {
    const entries = await readdir(this.folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name);
  }

  async find(id: string): Promise<StoredFolder | null> {
    // An id is a name, whatever a client may send.
    if (path.basename(id) !== id || id.startsWith('.')) return null;
    return (await isJob(this.folderOf(id))) ? new StoredFolder(this.folderOf(id)) : null;
  }

  add(draft: JobDraft, given: GivenPictures): Promise<StoredFolder> {
    return this.make(draft, given, null);
  }

  /**
   * Makes a job that is prepared already, as one of the command line, where a person waits for what is
   * refused.
   *
   * @throws AppError as `add`
   */
  async addPrepared(draft: JobDraft, job: Omit<EraseJob, 'id'>): Promise<JobFolder> {
    const stored = await this.make(draft, nothingGiven, job);
    return openJobFolder(stored.path);
  }

  async delete(id: string): Promise<void> {
    const aside = path.join(this.folder, `${DELETED_PREFIX}${randomUUID()}`);
    await rename(this.folderOf(id), aside);
    await rm(aside, { recursive: true, force: true });
  }

  private async make(
    draft: JobDraft,
    given: GivenPictures,
    prepared: Omit<EraseJob, 'id'> | null,
  ): Promise<StoredFolder> {
    const { id, folder } = await claimJobFolder(this.dataFolder, draft.concept, draft.createdAt);
    const stored = new StoredFolder(folder);
    try {
      const moved = { ...draft };
      const move = async (from: string | null | undefined): Promise<string | null> => {
        if (from == null) return null;
        const to = path.join(folder, path.basename(from));
        await rename(from, to);
        return to;
      };
      moved.forgetImages = (await move(given.forgetImages)) ?? draft.forgetImages;
      moved.retainImages = (await move(given.retainImages)) ?? draft.retainImages;
      moved.concepts = [];
      for (const [place, concept] of draft.concepts.entries()) {
        const images = (await move(given.conceptImages.get(place))) ?? concept.images;
        moved.concepts.push({ ...concept, images });
      }
      moved.embeddings = await copyInto(path.join(folder, 'embeddings'), draft.embeddings);
      await stored.writeStatus(newStatus(prepared ? null : new Date().toISOString()));
      if (prepared) await writeJob(folder, id, withFiles(prepared, moved.embeddings));
      await writeDraft(folder, moved);
      return stored;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private folderOf(id: string): string {
    return path.join(this.folder, id);
  }
}

/** Copies small files under their own names. @returns where they are now */
async function copyInto(folder: string, files: readonly string[]): Promise<string[]> {
  if (files.length > 0) await mkdir(folder);
  const copies = files.map((file) => path.join(folder, path.basename(file)));
  for (const [i, file] of files.entries()) await copyFile(file, copies[i] ?? '');
  return copies;
}

function withFiles(job: Omit<EraseJob, 'id'>, embeddings: readonly string[]): Omit<EraseJob, 'id'> {
  return {
    ...job,
    embeddings: job.embeddings.map((file, i) => ({ ...file, path: embeddings[i] ?? file.path })),
  };
}

async function isJob(folder: string): Promise<boolean> {
  return (await pathExists(requestPathOf(folder))) || (await pathExists(jobPathOf(folder)));
}

/** Removes a folder that was claimed for a job that never became one. */
async function removeIfGivenUp(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => ['?']);
  const isOurs = names.every((name) => claimed.test(name));
  const { mtimeMs } = await stat(folder);
  if (isOurs && Date.now() - mtimeMs > UNFINISHED_MS) {
    await rm(folder, { recursive: true, force: true });
  }
}
