import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { replaceFile, syncFolder } from '../../checkpoint/atomic-file.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import type { EraseJob } from '../../erase/job.ts';
import type { Role } from '../../evaluation/figure.ts';
import { drawnFolderOf, picturesOfSet, type SetPicture } from '../../erase/set-pictures.ts';
import type { HostPicture } from '../../hosts/host.ts';

/** A picture that is not there yet. */
export interface MissingPicture extends SetPicture {
  readonly role: Role;
  /** Of its set, from 0. */
  readonly number: number;
}

/** What a finished picture and its caption are called. */
const FILE_NAME = /^(\d{4,})\.(png|jpg|webp|txt)$/;

/**
 * The pictures that a web UI draws for a job, in its folder as pictures that were given lie there:
 * each with its prompt in a text file beside it. A server that is killed goes on with those that are
 * missing.
 */
export class PictureStore {
  private readonly job: EraseJob;
  private readonly finalFolder: string;
  /** Until all are there. */
  private readonly folder: string;

  /** @param jobFolder the job's */
  constructor(job: EraseJob, jobFolder: string) {
    this.job = job;
    this.finalFolder = drawnFolderOf(jobFolder);
    this.folder = `${this.finalFolder}.part`;
  }

  /** How many there will be. */
  get total(): number {
    return this.sets.reduce((sum, role) => sum + picturesOfSet(this.job, role).length, 0);
  }

  /** Whether all are there. */
  isComplete(): Promise<boolean> {
    return pathExists(this.finalFolder);
  }

  /** Those that are to be drawn, in their order; half a picture is as none. */
  async missing(): Promise<MissingPicture[]> {
    const missing: MissingPicture[] = [];
    for (const role of this.sets) {
      const there = await this.findDrawn(role);
      const all = picturesOfSet(this.job, role).map((picture, i) => ({
        ...picture,
        role,
        number: i,
      }));
      missing.push(...all.filter(({ number }) => !there.has(stemOf(number))));
    }
    return missing;
  }

  async add(
    { role, number, caption }: MissingPicture,
    { format, bytes }: HostPicture,
  ): Promise<void> {
    const stem = path.join(this.folder, role, stemOf(number));
    // The picture last: it says that both are there.
    await replaceFile(`${stem}.txt`, caption);
    await replaceFile(`${stem}.${format}`, bytes);
  }

  /** Says that all are there. */
  async complete(): Promise<void> {
    await rename(this.folder, this.finalFolder);
    await syncFolder(path.dirname(this.finalFolder));
  }

  /** Throws away what is there. */
  async abandon(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Those that no pictures were given for. */
  private get sets(): Role[] {
    const { forgetImages, retainImages } = this.job;
    const drawsForget = forgetImages === null && picturesOfSet(this.job, 'forget').length > 0;
    return [
      ...(drawsForget ? (['forget'] as const) : []),
      ...(retainImages === null ? (['retain'] as const) : []),
    ];
  }

  /** The stems of the pictures of a set; what a killed server has left beside them is removed. */
  private async findDrawn(role: Role): Promise<Set<string>> {
    const folder = path.join(this.folder, role);
    await mkdir(folder, { recursive: true });
    const drawn = new Set<string>();
    for (const name of await readdir(folder)) {
      const [, stem, ending] = FILE_NAME.exec(name) ?? [];
      if (stem === undefined) await rm(path.join(folder, name), { recursive: true, force: true });
      else if (ending !== 'txt') drawn.add(stem);
    }
    return drawn;
  }
}

/** In natural order as in that of bytes. */
function stemOf(number: number): string {
  return String(number + 1).padStart(4, '0');
}
