import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import { publishFile, temporaryPathOf } from '../../checkpoint/atomic-file.ts';
import { pathExists } from '../../checkpoint/output-path.ts';
import type { SidecarFile } from '../family-files.ts';

/**
 * Those of the files that are not there yet.
 *
 * @throws AppError `output.exists` if one would replace another file
 */
export async function missingSidecars(candidates: readonly SidecarFile[]): Promise<SidecarFile[]> {
  // One of the same content may be there: of a neighbour, or of this job's own run that was killed.
  const sidecars: SidecarFile[] = [];
  for (const sidecar of candidates) {
    if (!(await isSameContent(sidecar.from, sidecar.to))) sidecars.push(sidecar);
  }
  for (const { to } of sidecars) {
    if (await pathExists(to)) {
      throw new AppError(
        'output.exists',
        `"${to}", which belongs beside the scrubbed model, exists already and is not overwritten. Move it away, or`,
        { remedy: { advice: 'choose another name', settings: [{ setting: 'out' }] } },
      );
    }
  }
  return sidecars;
}

async function isSameContent(a: string, b: string): Promise<boolean> {
  if (!(await pathExists(b))) return false;
  const [bytesA, bytesB] = await Promise.all([readFile(a), readFile(b)]);
  return bytesA.equals(bytesB);
}

/**
 * Copies files, all or none, never onto an existing one.
 *
 * @returns the files that were written
 */
export async function copySidecars(sidecars: readonly SidecarFile[]): Promise<SidecarFile[]> {
  const copied: SidecarFile[] = [];
  try {
    for (const sidecar of sidecars) {
      await mkdir(path.dirname(sidecar.to), { recursive: true });
      const temporaryPath = temporaryPathOf(sidecar.to);
      await writeFile(temporaryPath, await readFile(sidecar.from), { flush: true });
      await publishFile(temporaryPath, sidecar.to);
      copied.push(sidecar);
    }
    return copied;
  } catch (error) {
    await removeSidecars(copied);
    throw error;
  }
}

/** Takes back what {@link copySidecars} wrote. */
export async function removeSidecars(copied: readonly SidecarFile[]): Promise<void> {
  for (const { to } of copied) await rm(to, { force: true });
}
