import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';

import {
  publishFile,
  publishFolder,
  temporaryFolderOf,
  temporaryPathOf,
} from '../../checkpoint/atomic-file.ts';
import { withoutModelEnding } from '../../checkpoint/model-ending.ts';
import { chooseFreeName, parseResultName } from '../../checkpoint/output-name.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import type { EraseJob } from '../../erase/job.ts';
import { isResultOf } from '../../erase/result.ts';
import { systemErrorCode } from '../../system-error.ts';
import { hashContent } from '../store/hash-file.ts';
import type { JobFiles } from './job-files.ts';
import type { JobKeeper } from './job-keeper.ts';
import type { RedisJob } from './redis-job.ts';
import { resultNameOf } from './worker-places.ts';

/** A file in the store and where it belongs. */
interface Placed {
  readonly name: string;
  readonly to: string;
}

/**
 * Brings the results of a job that is done to where its server wanted them, once. Where their name was taken
 * meanwhile they have another one.
 *
 * @returns whether it did so now
 * @throws AppError `artifact.*`; Error of the file system
 */
export async function fetchResults(
  stored: RedisJob,
  { keeper, files, server }: { keeper: JobKeeper; files: JobFiles; server: string },
): Promise<boolean> {
  const [owner, fetched] = await keeper.read(stored.id, ['server', 'fetched']);
  const job = await stored.readJob();
  if (!job || owner !== server || fetched !== null) return false;
  const moved = await withFreeNames(job);
  const placed = Object.keys(await files.stored(stored.id)).flatMap((name) =>
    placeOf(name, job, moved),
  );
  const output = (file: string) => file === moved.output || isWithin(file, moved.output);
  const isFolder = placed.some(({ to }) => isWithin(to, moved.output));
  // What lies beside a model first: a host takes a model up as soon as it is there.
  for (const { name, to } of placed.filter((one) => !output(one.to))) {
    await bringFile(await fetchOne(files, stored.id, name), to);
  }
  const model = placed.filter((one) => output(one.to));
  if (isFolder) await bringFolder(model, moved.output, { files, id: stored.id });
  else {
    for (const { name, to } of model) await bringFile(await fetchOne(files, stored.id, name), to);
  }
  await stored.writeJob(moved);
  await keeper.write(stored.id, { fetched: '1' }, 'state');
  return true;
}

/** The job with names for its results that nothing else has. */
async function withFreeNames(job: EraseJob): Promise<EraseJob> {
  const isTaken = (await pathExists(job.output)) && !(await isResultOf(job));
  return isTaken ? { ...job, output: await chooseFreeName(parseResultName(job.output)) } : job;
}

/** Where a file of a job belongs, if it is a result. */
function placeOf(name: string, job: EraseJob, moved: EraseJob): Placed[] {
  const result = resultNameOf(name);
  if (!result) return [];
  if (result.folder === 'loras') {
    const lora = job.loraOutput ?? job.output;
    return [{ name, to: path.join(path.dirname(lora), result.name) }];
  }
  const stem = withoutModelEnding(path.basename(job.output));
  const rest = result.name.startsWith(stem) ? result.name.slice(stem.length) : null;
  const renamed =
    rest === null ? result.name : withoutModelEnding(path.basename(moved.output)) + rest;
  return [{ name, to: path.join(path.dirname(moved.output), renamed) }];
}

async function fetchOne(files: JobFiles, id: string, name: string): Promise<string> {
  const file = await files.find(id, name);
  if (file === null) throw new Error(`job ${id} has no file ${name}`);
  return file;
}

/** Gives a file its place; one that was brought by an attempt before is there. */
async function bringFile(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  const temporary = temporaryPathOf(to);
  try {
    await copyFile(from, temporary);
    await publishFile(temporary, to);
  } catch (error) {
    const isSame =
      systemErrorCode(error) === 'EEXIST' &&
      (await hashContent(from)).sha256 === (await hashContent(to)).sha256;
    if (!isSame) throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await rm(from, { force: true });
}

async function bringFolder(
  placed: readonly Placed[],
  folder: string,
  { files, id }: { files: JobFiles; id: string },
): Promise<void> {
  // All at once or not at all: one that is there was brought before.
  if (await pathExists(folder)) return;
  const temporary = temporaryFolderOf(folder);
  try {
    for (const { name, to } of placed) {
      const place = path.join(temporary, path.relative(folder, to));
      await bringFile(await fetchOne(files, id, name), place);
    }
    await publishFolder(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function isWithin(file: string, folder: string): boolean {
  return file.startsWith(folder + path.sep);
}
