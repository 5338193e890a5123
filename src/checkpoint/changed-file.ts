import { open } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { encodeFloats, isFloatDtype } from '../tensor/dtype.ts';
import { elementCount } from '../tensor/shape.ts';
import { findNonFinite } from './nan-scan.ts';
import { asOutputErrors } from './output-place.ts';
import { byFileOffset, serializeSafetensorsHeader, type TensorInfo } from './safetensors-header.ts';
import type { SafetensorsFile } from './safetensors-reader.ts';

/**
 * New values of tensors by name, as float32, row-major. Each is asked for when its turn comes, so
 * that one at a time is in memory.
 */
export type ReplacedTensors = ReadonlyMap<string, () => Promise<Float32Array>>;

/** What becomes of a safetensors file. */
export interface FileChange {
  /** The original. Only read. */
  readonly source: SafetensorsFile;
  /** By the names of this file; all other tensors are copied as they are. */
  readonly replaced: ReplacedTensors;
  /** Names of tensors that are left out. */
  readonly omitted?: ReadonlySet<string>;
  /** Entries that join the original's metadata, replacing those of the same key. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Stops the writing; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Converted at a time; bounds the memory beside the trained tensor itself. */
const CONVERT_ELEMENTS = 2 * 1024 * 1024;

/** Size of the file that {@link writeChangedFile} makes, in bytes. */
export function changedFileBytes(change: FileChange): number {
  const header = headerOf(change).byteLength;
  return keptTensors(change).reduce((sum, info) => sum + info.byteLength, header);
}

/**
 * Writes a safetensors file anew and flushes it to the disk: the same names, order and types, some
 * tensors with new values, some left out, the others byte for byte.
 *
 * @param filePath nothing may be there yet; an incomplete file is left to the caller
 * @param outputPath what is being written, for messages
 * @throws AppError `output.*`; `checkpoint.nan` if a new value is not finite in the file's type,
 *   `checkpoint.damaged` if the original is cut off
 */
export async function writeChangedFile(
  filePath: string,
  change: FileChange,
  outputPath: string,
): Promise<void> {
  const handle = await asOutputErrors(outputPath, () => open(filePath, 'wx'));
  try {
    const write = async (bytes: Uint8Array) => {
      change.signal?.throwIfAborted();
      // Not handle.write(): that may write a part only.
      await asOutputErrors(outputPath, () => handle.writeFile(bytes));
    };
    await write(headerOf(change));
    for (const info of keptTensors(change)) {
      for await (const piece of await piecesOf(info, change)) await write(piece);
    }
    await asOutputErrors(outputPath, () => handle.sync());
  } finally {
    await handle.close();
  }
}

function headerOf(change: FileChange): Buffer {
  const { source, metadata } = change;
  const places = new Map<string, TensorInfo>();
  let fileOffset = 0;
  for (const info of keptTensors(change)) {
    places.set(info.name, { ...info, fileOffset });
    fileOffset += info.byteLength;
  }
  return serializeSafetensorsHeader(
    [...source.tensors.keys()].flatMap((name) => places.get(name) ?? []),
    new Map([...source.metadata, ...Object.entries(metadata)]),
  );
}

/** In the order of their bytes. */
function keptTensors({ source, omitted }: FileChange): TensorInfo[] {
  return byFileOffset(source.tensors).filter(({ name }) => omitted?.has(name) !== true);
}

async function piecesOf(info: TensorInfo, { source, replaced }: FileChange) {
  const values = await replaced.get(info.name)?.();
  return values ? encodedPieces(info, values, source) : source.chunks(info.name);
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
