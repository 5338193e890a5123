import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import {
  LENGTH_PREFIX_BYTES,
  parseSafetensorsHeader,
  readHeaderLength,
  type SafetensorsHeader,
} from './safetensors-header.ts';
import { requireRegularFile, unreadable } from './regular-file.ts';
import type { TensorStore } from './tensor-store.ts';
import { readFully, TensorsOnDisk } from './tensors-on-disk.ts';

/** A safetensors file open for reading: its header in memory, its weights on disk. */
export interface SafetensorsFile extends TensorStore {
  readonly layout: 'single-file';
}

/**
 * Opens a safetensors file read-only and checks its header.
 *
 * @throws AppError `checkpoint.not-found`, `checkpoint.not-safetensors`, `checkpoint.damaged`
 */
export async function openSafetensors(filePath: string): Promise<SafetensorsFile> {
  const fileName = path.basename(filePath);
  await requireRegularFile(filePath);
  refusePickleName(fileName);
  const handle = await openForReading(filePath);
  try {
    const { size: fileBytes } = await handle.stat();
    const header = await readHeader(handle, fileBytes, fileName);
    const place = { path: filePath, realPath: await realpath(filePath) };
    return new OpenSafetensors(handle, place, { ...header, fileBytes });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class OpenSafetensors extends TensorsOnDisk implements SafetensorsFile {
  readonly layout = 'single-file';
}

async function readHeader(
  handle: FileHandle,
  fileBytes: number,
  fileName: string,
): Promise<SafetensorsHeader> {
  const start = new Uint8Array(Math.min(LENGTH_PREFIX_BYTES, fileBytes));
  await readFully(handle, start, 0);
  refuseOtherFormat(start, fileName);
  const json = new Uint8Array(readHeaderLength(start, fileBytes, fileName));
  await readFully(handle, json, LENGTH_PREFIX_BYTES);
  return parseSafetensorsHeader(json, fileBytes, fileName);
}

async function openForReading(filePath: string): Promise<FileHandle> {
  try {
    return await open(filePath, constants.O_RDONLY);
  } catch (cause) {
    throw unreadable(filePath, cause);
  }
}

const pickleExtensions = ['.ckpt', '.pt', '.pth', '.bin', '.pkl'];

function refusePickleName(fileName: string): void {
  const extension = path.extname(fileName).toLowerCase();
  if (pickleExtensions.includes(extension)) throw pickle(fileName, `a ${extension} file`);
}

/** Files of other formats are often renamed to .safetensors: their first bytes tell. */
function refuseOtherFormat(start: Uint8Array, fileName: string): void {
  const text = Buffer.from(start).toString('latin1');
  // PyTorch writes zip archives since 1.6; before, a bare pickle of protocol 2 to 5. In a small
  // enough length of a safetensors header the last four bytes are zero, so neither can be one.
  if (text.startsWith('PK\x03\x04') || /^\x80[\x02-\x05].{2}(?!\0{4})/s.test(text)) {
    throw pickle(fileName, 'by its content a PyTorch pickle');
  }
  if (text.startsWith('GGUF')) {
    throw new AppError(
      'checkpoint.not-safetensors',
      `checkpoint "${fileName}" is a GGUF file: its weights are quantised and cannot be trained. Use the original .safetensors model.`,
    );
  }
}

function pickle(fileName: string, what: string): AppError {
  return new AppError(
    'checkpoint.not-safetensors',
    `checkpoint "${fileName}" is ${what}, which can run code when it is loaded, so it is not opened here. Convert it first: in the web UI's "Checkpoint Merger" tab choose it as model A with interpolation "No interpolation" and format "safetensors", then give the result.`,
  );
}
