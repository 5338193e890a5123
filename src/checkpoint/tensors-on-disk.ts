import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../errors.ts';
import { decodeFloats, dtypeBytes, isFloatDtype } from '../tensor/dtype.ts';
import type { TensorInfo, TensorTable } from './safetensors-header.ts';
import type { TensorStore } from './tensor-store.ts';

/** Large enough for the disk's full speed, small beside any tensor that matters. */
export const CHUNK_BYTES = 8 * 1024 * 1024;

/** One `read` is limited to 2 GiB by Node; an embedding in float32 may come near. */
const MAX_READ_BYTES = 1024 ** 3;

/** Tensors of one open file: where they lie is in memory, their bytes on the disk. */
export class TensorsOnDisk implements TensorStore {
  readonly path: string;
  readonly fileBytes: number;
  readonly tensors: TensorTable;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #handle: FileHandle;
  readonly #realPath: string;

  constructor(
    handle: FileHandle,
    place: { path: string; realPath: string },
    content: Pick<TensorStore, 'tensors' | 'metadata' | 'fileBytes'>,
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

/** Fills `target` from `fileOffset` on; the number of bytes read is smaller at the file's end. */
export async function readFully(
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
