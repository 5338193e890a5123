import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';
import { decodeFloats, dtypeBytes, isFloatDtype } from '../tensor/dtype.ts';
import {
  LENGTH_PREFIX_BYTES,
  parseSafetensorsHeader,
  readHeaderLength,
  type SafetensorsHeader,
  type TensorInfo,
  type TensorTable,
} from './safetensors-header.ts';
import type { TensorStore } from './tensor-store.ts';

/** A safetensors file open for reading: its header in memory, its weights on disk. */
export interface SafetensorsFile extends TensorStore {
  readonly layout: 'single-file';
}

/** Large enough for the disk's full speed, small beside any tensor that matters. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

/** One `read` is limited to 2 GiB by Node; an embedding in float32 may come near. */
const MAX_READ_BYTES = 1024 ** 3;

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

class OpenSafetensors implements SafetensorsFile {
  readonly layout = 'single-file';
  readonly path: string;
  readonly fileBytes: number;
  readonly tensors: TensorTable;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #handle: FileHandle;
  readonly #realPath: string;

  constructor(
    handle: FileHandle,
    place: { path: string; realPath: string },
    content: SafetensorsHeader & { fileBytes: number },
  ) {
    this.#handle = handle;
    this.path = place.path;
    this.#realPath = place.realPath;
    this.fileBytes = content.fileBytes;
    this.tensors = content.tensors;
    this.metadata = content.metadata;
  }

  fileOf(name: string): string {
    this.#info(name);
    return this.#realPath;
  }

  async readTensor(name: string): Promise<Uint8Array> {
    const { fileOffset, byteLength } = this.#info(name);
    const bytes = new Uint8Array(byteLength);
    await this.#fill(bytes, fileOffset);
    return bytes;
  }

  async readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    const { dtype, byteLength } = this.#info(name);
    if (!isFloatDtype(dtype)) {
      throw new AppError(
        'model.unsupported',
        `checkpoint "${path.basename(this.path)}": tensor "${name}" is ${dtype}, where F16, BF16, F32 or F64 is needed. Use a version of the model that is not quantised.`,
      );
    }
    const elements = into ?? new Float32Array(byteLength / dtypeBytes(dtype));
    let done = 0;
    for await (const chunk of this.chunks(name)) {
      const part = elements.subarray(done, done + chunk.byteLength / dtypeBytes(dtype));
      decodeFloats(dtype, chunk, part);
      done += part.length;
    }
    return elements;
  }

  async *chunks(name: string, chunkBytes = CHUNK_BYTES): AsyncGenerator<Uint8Array> {
    const { fileOffset, byteLength } = this.#info(name);
    const buffer = new Uint8Array(Math.min(chunkBytes, byteLength));
    const end = fileOffset + byteLength;
    for (let position = fileOffset; position < end; position += buffer.byteLength) {
      const chunk = buffer.subarray(0, Math.min(buffer.byteLength, end - position));
      await this.#fill(chunk, position);
      yield chunk;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (info) return info;
    throw new AppError(
      'checkpoint.damaged',
      `checkpoint "${path.basename(this.path)}" has no tensor "${name}". Copy or download the file again.`,
    );
  }

  async #fill(target: Uint8Array, fileOffset: number): Promise<void> {
    if ((await readFully(this.#handle, target, fileOffset)) === target.byteLength) return;
    throw new AppError(
      'checkpoint.damaged',
      `checkpoint "${path.basename(this.path)}" became shorter while it was read. Do not change a model's file while it is in use.`,
    );
  }
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

/** Fills `target` from `fileOffset` on; the number of bytes read is smaller at the file's end. */
async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  fileOffset: number,
): Promise<number> {
  let done = 0;
  while (done < target.byteLength) {
    const length = Math.min(target.byteLength - done, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(target, done, length, fileOffset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Asked before opening: opening a named pipe would wait for ever. */
async function requireRegularFile(filePath: string): Promise<void> {
  const stats = await stat(filePath).catch((cause: unknown) => {
    throw unreadable(filePath, cause);
  });
  if (stats.isDirectory()) {
    throw new AppError(
      'checkpoint.not-safetensors',
      `"${filePath}" is a folder, not a single file. Give a .safetensors file.`,
    );
  }
  if (!stats.isFile()) {
    throw new AppError('checkpoint.not-safetensors', `"${filePath}" is not a regular file.`);
  }
}

async function openForReading(filePath: string): Promise<FileHandle> {
  try {
    return await open(filePath, constants.O_RDONLY);
  } catch (cause) {
    throw unreadable(filePath, cause);
  }
}

function unreadable(filePath: string, cause: unknown): AppError {
  const code = systemErrorCode(cause) ?? 'unknown error';
  const detail =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'does not exist. Check the path'
      : `cannot be read (${code}). Check its permissions and the disk`;
  return new AppError('checkpoint.not-found', `checkpoint "${filePath}" ${detail}.`, { cause });
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
