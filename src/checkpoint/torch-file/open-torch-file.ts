import { open, realpath } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import { dtypeBytes } from '../../tensor/dtype.ts';
import { elementCount } from '../../tensor/shape.ts';
import { requireRegularFile } from '../regular-file.ts';
import type { TensorInfo } from '../safetensors-header.ts';
import { TensorsOnDisk } from '../tensors-on-disk.ts';
import { allowedGlobals, type FoundTensor, findTensors } from './tensors-in-pickle.ts';
import { PickleRefusal, unpickle } from './unpickle.ts';
import { readZipEntries, type ZipEntry } from './zip-entries.ts';

/** Files of PyTorch, by their names. */
const ending = /\.(pt|pth|bin|ckpt)$/i;

/** Of a VAE or an embedding it has some kB. */
const MAX_PICKLE_BYTES = 32 * 1024 * 1024;

/** Whether a name is that of a PyTorch file. */
export function isTorchFile(name: string): boolean {
  return ending.test(name);
}

/**
 * Opens a file of PyTorch for reading its tensors, without running anything of it. They go by their keys,
 * those of dictionaries in dictionaries joined by dots.
 *
 * @throws AppError `checkpoint.not-found`, `checkpoint.not-safetensors` for what is no such file or holds
 *   more than tensors, `checkpoint.damaged`
 */
export async function openTorchFile(filePath: string): Promise<TensorsOnDisk> {
  await requireRegularFile(filePath);
  const handle = await open(filePath, 'r');
  try {
    const { size: fileBytes } = await handle.stat();
    const refuse = (problem: string) => refusal(filePath, problem);
    const entries = await readZipEntries(handle, fileBytes);
    if (!entries) {
      throw refuse(
        'it is no archive as PyTorch writes it since version 1.6, or is cut off. Get the .safetensors version, or save it anew with PyTorch',
      );
    }
    const contents = new Map(entries.map((entry) => [withoutFolder(entry.name), entry]));
    const pickle = contents.get('data.pkl');
    if (!pickle || pickle.bytes > MAX_PICKLE_BYTES) {
      throw refuse('it has no list of tensors ("data.pkl") that could be one');
    }
    const read = async ({ offset, bytes }: ZipEntry) => {
      const buffer = Buffer.alloc(bytes);
      await handle.read(buffer, 0, bytes, offset);
      return buffer;
    };
    const order = contents.get('byteorder');
    if (order && (await read(order)).toString('latin1') !== 'little') {
      throw refuse('its numbers are in the byte order of another kind of machine');
    }
    const found = tensorsOf(await read(pickle), refuse);
    const tensors = new Map(
      found.map((tensor) => [tensor.name, placed(tensor, contents, refuse)] as const),
    );
    const place = { path: filePath, realPath: await realpath(filePath) };
    return new TensorsOnDisk(handle, place, { tensors, metadata: new Map(), fileBytes });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** All lie in a folder of the archive, named after the file. */
function withoutFolder(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

type Refuse = (problem: string) => AppError;

function tensorsOf(pickle: Uint8Array, refuse: Refuse): FoundTensor[] {
  try {
    return findTensors(unpickle(pickle, allowedGlobals));
  } catch (error) {
    if (!(error instanceof PickleRefusal)) throw error;
    throw refuse(`${error.message}. Nothing of it was run; get the .safetensors version`);
  }
}

function placed(
  { name, dtype, shape, storage, elementOffset }: FoundTensor,
  contents: ReadonlyMap<string, ZipEntry>,
  refuse: Refuse,
): TensorInfo {
  const data = contents.get(`data/${storage}`);
  const byteLength = elementCount(shape) * dtypeBytes(dtype);
  const from = elementOffset * dtypeBytes(dtype);
  if (!data || from + byteLength > data.bytes) {
    throw refuse(`its tensor "${name}" lies outside of it: it is damaged`);
  }
  return { name, dtype, shape, fileOffset: data.offset + from, byteLength };
}

function refusal(filePath: string, problem: string): AppError {
  return new AppError(
    'checkpoint.not-safetensors',
    `"${path.basename(filePath)}" cannot be read: ${problem}.`,
  );
}
