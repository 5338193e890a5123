import { statfs } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { formatBytes } from '../format-bytes.ts';
import type { RemedySetting } from '../remedy.ts';
import { pathExists } from './output-path.ts';

/**
 * Refuses work whose files would not fit the disk.
 *
 * @param target a file or folder that need not exist yet
 * @param purpose what needs the space, as a subject: `the scrubbed model`
 * @param setting what chooses another place
 * @param freeBytes tells the free bytes of a folder's disk. Default: asks the system.
 * @throws AppError `output.no-space`
 */
export async function requireDiskSpace(
  target: string,
  neededBytes: number,
  {
    purpose,
    setting,
    freeBytes = freeDiskBytes,
  }: { purpose: string; setting: RemedySetting; freeBytes?: typeof freeDiskBytes },
): Promise<void> {
  const folder = await existingAncestor(target);
  const free = await freeBytes(folder);
  if (free >= neededBytes) return;
  throw new AppError(
    'output.no-space',
    `the disk of "${folder}" has ${formatBytes(free)} free, but ${purpose} needs ${formatBytes(neededBytes)}. Free some disk space, or`,
    { remedy: { advice: 'choose another place', settings: [{ setting }] } },
  );
}

/** Free bytes on the disk that a path lies, or would lie, on. */
export async function freeDiskBytes(target: string): Promise<number> {
  const { bavail, bsize } = await statfs(await existingAncestor(target));
  return bavail * bsize;
}

/** The nearest folder above, or the path itself, that exists. */
async function existingAncestor(target: string): Promise<string> {
  const resolved = path.resolve(target);
  const parent = path.dirname(resolved);
  if (parent === resolved || (await pathExists(resolved))) return resolved;
  return existingAncestor(parent);
}
