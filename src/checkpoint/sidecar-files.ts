import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { clipConfigPath } from './clip-config.ts';
import { readLdmConfig } from './ldm-config.ts';
import { configPathOf, pathExists } from './output-path.ts';

/** A small file that a host or this program needs beside the scrubbed model. */
export interface SidecarFile {
  readonly from: string;
  readonly to: string;
}

/**
 * The files beside a checkpoint that must be copied beside the result: its LDM config under the
 * result's name and, if the result goes to another folder, the text encoder's config that it names.
 *
 * @throws AppError `output.exists` if one would replace another file, `checkpoint.config`
 */
export async function findSidecars(sourcePath: string, outputPath: string): Promise<SidecarFile[]> {
  const ldmConfig = await readLdmConfig(sourcePath);
  if (!ldmConfig) return [];
  const sidecars = [{ from: configPathOf(sourcePath), to: configPathOf(outputPath) }];
  const version = ldmConfig.textEncoderVersion;
  if (version !== undefined) {
    const from = clipConfigPath(sourcePath, version);
    const to = clipConfigPath(outputPath, version);
    const isNeeded = (await pathExists(from)) && !(await isSameContent(from, to));
    if (isNeeded) sidecars.push({ from, to });
  }
  for (const { to } of sidecars) {
    if (await pathExists(to)) {
      throw new AppError(
        'output.exists',
        `"${to}", which belongs beside the scrubbed model, exists already and is not overwritten. Choose another name with --out, or move it away.`,
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
      await writeFile(sidecar.to, await readFile(sidecar.from), { flag: 'wx', flush: true });
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
