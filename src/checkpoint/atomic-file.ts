import { randomUUID } from 'node:crypto';
import {
  chmod,
  constants,
  copyFile,
  type FileHandle,
  link,
  open,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';

import { isRunning } from '../processes/process-identity.ts';
import { systemErrorCode } from '../system-error.ts';
import { pathExists } from './output-path.ts';

/**
 * The name under which a file is written until it is whole: in the same folder, with an ending that
 * no host lists, and this process's id, by which a later process knows what was abandoned.
 */
export function temporaryPathOf(finalPath: string): string {
  return `${finalPath}.${process.pid}.part`;
}

/**
 * The same of a folder: hidden too, as hosts look for the files in folders whatever their names.
 */
export function temporaryFolderOf(finalPath: string): string {
  return temporaryPathOf(hiddenPathOf(finalPath));
}

function hiddenPathOf(finalPath: string): string {
  return path.join(path.dirname(finalPath), `.${path.basename(finalPath)}`);
}

/** Removes what killed processes left of earlier attempts to write the same folder. */
export function removeAbandonedFolders(finalPath: string): Promise<void> {
  return removeAbandoned(hiddenPathOf(finalPath));
}

/** Removes what killed processes left of earlier attempts to write the same file. */
export async function removeAbandoned(finalPath: string): Promise<void> {
  const { dir, base } = path.parse(finalPath);
  await removeAbandonedIn(dir || '.', (name) => name === base);
}

/**
 * Removes what killed processes have not finished writing into a folder.
 *
 * @param isOurs whether a file or folder of that name is one that this program was to write there
 */
export async function removeAbandonedIn(
  folder: string,
  isOurs: (finalName: string) => boolean,
): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const { final, processId } = temporaryName.exec(name)?.groups ?? {};
    if (final === undefined || !isOurs(final)) continue;
    if (!isOtherRunning(Number(processId))) {
      await rm(path.join(folder, name), { force: true, recursive: true });
    }
  }
}

/** As `temporaryPathOf` makes them. */
const temporaryName = /^(?<final>.+)\.(?<processId>\d+)\.part$/s;

/** Whether another process of this id runs. Ids repeat (in containers always): it may be our own. */
function isOtherRunning(processId: number): boolean {
  return processId !== process.pid && isRunning(processId);
}

/**
 * Gives a finished file its final name, without ever replacing a file of that name.
 *
 * A hard link is the one portable operation that fails if the name was taken meanwhile; `rename`
 * would replace. Where there are no hard links (exFAT, some network shares) the name is looked up
 * right before renaming.
 *
 * @throws Error with code `EEXIST` if the name is taken; the temporary file is then still there
 */
export async function publishFile(temporaryPath: string, finalPath: string): Promise<void> {
  try {
    await link(temporaryPath, finalPath);
  } catch (error) {
    if (!isWithoutHardLinks(error)) throw error;
    if (await pathExists(finalPath)) throw nameTaken(finalPath);
    await rename(temporaryPath, finalPath);
  }
  await rm(temporaryPath, { force: true });
}

/**
 * Gives a finished folder its final name, without ever replacing anything of that name: `rename`
 * replaces no more than an empty folder, and the name is looked up right before.
 *
 * @throws Error with code `EEXIST` if the name is taken; the temporary folder is then still there
 */
export async function publishFolder(temporaryPath: string, finalPath: string): Promise<void> {
  if (await pathExists(finalPath)) throw nameTaken(finalPath);
  try {
    await rename(temporaryPath, finalPath);
  } catch (error) {
    if (['ENOTEMPTY', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw nameTaken(finalPath);
    throw error;
  }
  await syncFolder(path.dirname(finalPath));
}

function nameTaken(finalPath: string): Error {
  return Object.assign(new Error(`file exists: ${finalPath}`), { code: 'EEXIST' });
}

function isWithoutHardLinks(error: unknown): boolean {
  const codes = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EISDIR'];
  return codes.includes(systemErrorCode(error) ?? '');
}

/** Flushes a folder's list of names, so that a new name survives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows cannot open folders; it writes names through by itself.
  }
}

/**
 * Writes a small file that must not be there yet: whoever finds it finds all of it.
 *
 * @param mode who may read it. Default: as the system has it.
 * @throws Error with code `EEXIST` if the name is taken
 */
export async function writeNewFile(
  filePath: string,
  content: string | Uint8Array,
  mode?: number,
): Promise<void> {
  const temporaryPath = temporaryPathOf(filePath);
  try {
    await writeFile(temporaryPath, content, { flag: 'wx', flush: true, mode });
    await publishFile(temporaryPath, filePath);
    await syncFolder(path.dirname(filePath));
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/** Writes a small file anew: whoever reads it finds the content before or this one, whole. */
export async function replaceFile(filePath: string, content: string | Uint8Array): Promise<void> {
  // Two writes of this process may overlap.
  const temporaryPath = temporaryPathOf(`${filePath}.${randomUUID()}`);
  try {
    await writeFile(temporaryPath, content, { flag: 'wx', flush: true });
    await rename(temporaryPath, filePath);
    await syncFolder(path.dirname(filePath));
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/**
 * Writes a file piece by piece, replacing an earlier one of that name in one move: whoever reads it finds
 * either the old file or the new one, whole.
 */
export async function writeReplacing(
  filePath: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  await removeAbandoned(filePath);
  const temporaryPath = temporaryPathOf(filePath);
  try {
    const handle = await open(temporaryPath, 'w');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporaryPath, filePath);
    await syncFolder(path.dirname(filePath));
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/**
 * Copies a file and flushes the copy; where the file system can, without copying its bytes until one of
 * them changes.
 *
 * @throws Error with code `EEXIST` if the name is taken
 */
export async function copyFlushed(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  // Caches of downloads are read-only.
  await chmod(to, (await stat(to)).mode | 0o200);
  const handle = await open(to, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
