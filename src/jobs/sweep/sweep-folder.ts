import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import {
  publishFolder,
  removeAbandonedIn,
  replaceFile,
  temporaryFolderOf,
} from '../../checkpoint/atomic-file.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import { AppError } from '../../errors.ts';
import { presetNameSchema } from '../../presets/preset.ts';
import { isMissingFile, systemErrorCode } from '../../system-error.ts';
import { jobsFile } from './sweep-jobs.ts';

// A sweep of a server is a folder with its text, the ids of its jobs (`sweep-jobs.ts`) and what of it
// is still to be asked for.

const textFile = 'sweep.yaml';
const owedFile = 'owed.json';
const owedSchema = z.array(z.string());

/** Where the sweeps of a data folder are, those of the command line too. */
export const sweepsFolderOf = (dataFolder: string) => path.join(dataFolder, 'sweeps');

/** Whether a folder is a sweep of a server. */
export const isServerSweep = (folder: string) => pathExists(path.join(folder, textFile));

/** Names of a server's sweeps, and an end to what a killed one was about to make. */
export async function listSweepFolders(sweepsFolder: string): Promise<string[]> {
  await removeAbandonedIn(sweepsFolder, () => true);
  const names: string[] = await readdir(sweepsFolder).catch(() => []);
  const found: string[] = [];
  for (const name of names.sort()) {
    const isName = presetNameSchema.safeParse(name).success;
    if (isName && (await isServerSweep(path.join(sweepsFolder, name)))) found.push(name);
  }
  return found;
}

/**
 * Makes the folder of a sweep, whole or not at all.
 *
 * @throws AppError `sweep.exists`
 */
export async function addSweepFolder(folder: string, yaml: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  const temporary = temporaryFolderOf(folder);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary);
  try {
    await writeFile(path.join(temporary, textFile), yaml, { flush: true });
    await publishFolder(temporary, folder);
  } catch (cause) {
    if (systemErrorCode(cause) !== 'EEXIST') throw cause;
    throw new AppError(
      'sweep.exists',
      `there is something at "${folder}" already: a sweep of the page or of the command line. Choose another name.`,
      { cause },
    );
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Takes a sweep off the list; what else lies in its folder stays there. */
export async function removeSweepFolder(folder: string): Promise<void> {
  for (const name of [textFile, owedFile, jobsFile]) {
    await rm(path.join(folder, name), { force: true });
  }
  await rmdir(folder).catch(() => undefined);
}

export const readSweepText = (folder: string) => readFile(path.join(folder, textFile), 'utf8');
export const writeSweepText = (folder: string, yaml: string) =>
  replaceFile(path.join(folder, textFile), yaml);

/** Keys of what is to be done and was not asked for yet, in its order. */
export async function readOwed(folder: string): Promise<string[]> {
  try {
    return owedSchema.parse(JSON.parse(await readFile(path.join(folder, owedFile), 'utf8')));
  } catch (cause) {
    // One that cannot be read is as well: “Go on” finds out anew what is not done.
    if (isMissingFile(cause) || cause instanceof SyntaxError || cause instanceof z.ZodError) {
      return [];
    }
    throw cause;
  }
}

export const writeOwed = (folder: string, keys: Iterable<string>) =>
  replaceFile(path.join(folder, owedFile), JSON.stringify([...keys]));
