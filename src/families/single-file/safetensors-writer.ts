import { rm } from 'node:fs/promises';
import path from 'node:path';

import {
  copyFlushed,
  publishFile,
  removeAbandoned,
  syncFolder,
  temporaryPathOf,
} from '../../checkpoint/atomic-file.ts';
import {
  changedFileBytes,
  type FileChange,
  writeChangedFile,
} from '../../checkpoint/changed-file.ts';
import { asOutputErrors, type OutputPlace, requirePlace } from '../../checkpoint/output-place.ts';
import type { FamilyFiles, SidecarFile } from '../family-files.ts';
import { copySidecars, missingSidecars, removeSidecars } from './sidecar-files.ts';

/** What a scrubbed model is made of. */
export interface ScrubbedCheckpoint extends Omit<FileChange, 'omitted'>, OutputPlace {
  /** What its family leaves out, and puts beside it. */
  readonly files: Pick<FamilyFiles, 'copiesIn' | 'sidecars'>;
}

/**
 * Writes a scrubbed model: the original's tensors with the same names, order and types, the trained
 * ones with new values, the others byte for byte, but for copies of the UNet, which are left out; the
 * configs beside the original are copied beside it. Without a new value or entry it is a copy of the
 * original.
 *
 * The file is written under a temporary name that no host lists, flushed to the disk, then given its
 * name: a scrubbed model that exists is whole. On any failure nothing is left behind.
 *
 * @returns size of the written file in bytes
 * @throws AppError `output.exists`, `output.no-space`, `output.unwritable`, `checkpoint.nan` if a
 *   trained value is not finite in the file's type, `checkpoint.damaged` if the original is cut off
 */
export async function writeScrubbedCheckpoint(checkpoint: ScrubbedCheckpoint): Promise<number> {
  const { source, outputPath, files } = checkpoint;
  const change = { ...checkpoint, omitted: files.copiesIn(source.tensors).names };
  // Where nothing is done to it, it stays what it is to the last byte.
  const isCopy = checkpoint.replaced.size === 0 && Object.keys(checkpoint.metadata).length === 0;
  const totalBytes = isCopy ? source.fileBytes : changedFileBytes(change);
  const sidecars = await missingSidecars(await files.sidecars(source.path, outputPath));
  await requirePlace(checkpoint, totalBytes, removeAbandoned);

  const temporaryPath = temporaryPathOf(outputPath);
  try {
    if (isCopy) await asOutputErrors(outputPath, () => copyFlushed(source.path, temporaryPath));
    else await writeChangedFile(temporaryPath, change, outputPath);
    await asOutputErrors(outputPath, async () => {
      await publishTogether(temporaryPath, outputPath, sidecars);
    });
    return totalBytes;
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/** The sidecar files first: a host must not see the model without its config. */
async function publishTogether(
  temporaryPath: string,
  outputPath: string,
  sidecars: readonly SidecarFile[],
): Promise<void> {
  const copied = await copySidecars(sidecars);
  try {
    await publishFile(temporaryPath, outputPath);
  } catch (error) {
    await removeSidecars(copied);
    throw error;
  }
  await syncFolder(path.dirname(outputPath));
}
