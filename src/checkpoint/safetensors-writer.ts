import { open, rm } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { encodeFloats, isFloatDtype } from '../tensor/dtype.ts';
import { systemErrorCode } from '../system-error.ts';
import { elementCount } from '../tensor/shape.ts';
import { requireDiskSpace } from './disk-space.ts';
import { findNonFinite } from './nan-scan.ts';
import { pathExists } from './output-path.ts';
import { publishFile, removeAbandoned, syncFolder, temporaryPathOf } from './atomic-file.ts';
import { byFileOffset, serializeSafetensorsHeader, type TensorInfo } from './safetensors-header.ts';
import type { SafetensorsFile } from './safetensors-reader.ts';
import { copySidecars, findSidecars, removeSidecars, type SidecarFile } from './sidecar-files.ts';

/** What a scrubbed model is made of. */
export interface ScrubbedCheckpoint {
  /** The original. Only read. */
  readonly source: SafetensorsFile;
  /** Where the result goes; nothing may be there yet. */
  readonly outputPath: string;
  /**
   * The new values of a trained tensor as float32, row-major; undefined for a tensor to be copied as
   * it is. Asked once for each tensor, in the order of the file, so that one at a time is in memory.
   */
  readonly replaced: (name: string) => Promise<Float32Array | undefined>;
  /** Entries that join the original's metadata, replacing those of the same key. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Stops the writing; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Free bytes of the file system that holds a folder. Default: asks the system. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** Free disk that writing must leave to the system and to the job's own files. */
const SPARE_DISK_BYTES = 64 * 1024 * 1024;

/** Converted at a time; bounds the memory beside the trained tensor itself. */
const CONVERT_ELEMENTS = 2 * 1024 * 1024;

/**
 * Writes a scrubbed model: the original's tensors with the same names, order and types, the trained
 * ones with new values, the others byte for byte; the original's LDM config is copied beside it.
 *
 * The file is written under a temporary name that no host lists, flushed to the disk, then given its
 * name: a scrubbed model that exists is whole. On any failure nothing is left behind.
 *
 * @returns size of the written file in bytes
 * @throws AppError `output.exists`, `output.no-space`, `output.unwritable`, `checkpoint.nan` if a
 *   trained value is not finite in the file's type, `checkpoint.damaged` if the original is cut off
 */
export async function writeScrubbedCheckpoint(checkpoint: ScrubbedCheckpoint): Promise<number> {
  const { source, outputPath } = checkpoint;
  const tensors = byFileOffset(source.tensors);
  const header = serializeSafetensorsHeader(
    source.tensors.values(),
    new Map([...source.metadata, ...Object.entries(checkpoint.metadata)]),
  );
  const totalBytes = tensors.reduce((sum, info) => sum + info.byteLength, header.byteLength);
  const sidecars = await findSidecars(source.path, outputPath);
  if (await pathExists(outputPath)) throw outputExists(outputPath);
  await removeAbandoned(outputPath);
  await asOutputErrors(outputPath, () =>
    requireDiskSpace(outputPath, totalBytes + SPARE_DISK_BYTES, {
      purpose: 'the scrubbed model',
      option: '--out',
      ...(checkpoint.freeBytes && { freeBytes: checkpoint.freeBytes }),
    }),
  );

  const temporaryPath = temporaryPathOf(outputPath);
  try {
    await writeFlushed(temporaryPath, checkpoint, async (output) => {
      await output.write(header);
      for (const info of tensors) await writeTensor(output, info, checkpoint);
    });
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

interface OutputFile {
  write(bytes: Uint8Array): Promise<void>;
}

/** Makes a new file, lets `fill` write it and flushes it to the disk. */
async function writeFlushed(
  temporaryPath: string,
  { outputPath, signal }: ScrubbedCheckpoint,
  fill: (output: OutputFile) => Promise<void>,
): Promise<void> {
  const handle = await asOutputErrors(outputPath, () => open(temporaryPath, 'wx'));
  try {
    await fill({
      write: async (bytes) => {
        signal?.throwIfAborted();
        // Not handle.write(): that may write a part only.
        await asOutputErrors(outputPath, () => handle.writeFile(bytes));
      },
    });
    await asOutputErrors(outputPath, () => handle.sync());
  } finally {
    await handle.close();
  }
}

async function writeTensor(output: OutputFile, info: TensorInfo, checkpoint: ScrubbedCheckpoint) {
  const { source, replaced } = checkpoint;
  const values = await replaced(info.name);
  const pieces = values
    ? encodedPieces(info, values, source)
    : source.chunks(info.fileOffset, info.byteLength);
  for await (const piece of pieces) await output.write(piece);
}

function* encodedPieces(info: TensorInfo, values: Float32Array, source: SafetensorsFile) {
  const { name, dtype, shape } = info;
  if (!isFloatDtype(dtype) || values.length !== elementCount(shape)) {
    throw new AppError(
      'internal.unexpected',
      `tensor "${name}" is ${dtype} [${shape.join(', ')}] in "${path.basename(source.path)}", but training gave ${values.length} float values for it.`,
    );
  }
  for (let start = 0; start < values.length; start += CONVERT_ELEMENTS) {
    const piece = encodeFloats(dtype, values.subarray(start, start + CONVERT_ELEMENTS));
    const index = findNonFinite(dtype, piece);
    if (index >= 0) {
      throw new AppError(
        'checkpoint.nan',
        `trained tensor "${name}" holds ${values[start + index] ?? NaN} (element ${start + index}), which is not finite in ${dtype}: training diverged, and no model was written. Use a smaller learning rate.`,
      );
    }
    yield piece;
  }
}

function outputExists(outputPath: string): AppError {
  return new AppError(
    'output.exists',
    `"${outputPath}" exists already and is not overwritten. Choose another name with --out, or move it away.`,
  );
}

/** Does something to the output file; errors of the file system become words. */
async function asOutputErrors<T>(outputPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (cause instanceof AppError || code === undefined) throw cause;
    if (code === 'EEXIST') throw outputExists(outputPath);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new AppError(
        'output.no-space',
        `the disk became full while "${outputPath}" was written; the incomplete file was removed. Free some disk space, or choose another place with --out.`,
        { cause },
      );
    }
    throw new AppError(
      'output.unwritable',
      `"${outputPath}" cannot be written (${code}). Check that the folder exists and may be written to, or choose another place with --out.`,
      { cause },
    );
  }
}
