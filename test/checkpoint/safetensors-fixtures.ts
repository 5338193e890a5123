import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { onTestFinished } from 'vitest';

import type { NamedShape } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import {
  serializeSafetensorsHeader,
  type TensorInfo,
} from '../../src/checkpoint/safetensors-header.ts';
import { type Dtype, dtypeBytes, encodeFloats, isFloatDtype } from '../../src/tensor/dtype.ts';
import { elementCount } from '../../src/tensor/shape.ts';

/** A new empty folder that is removed when the test ends. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'checkpoint-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A file made of a header as it is given (an object, or text that need not be JSON) and data. */
export function fileBytes(header: string | object, data: Uint8Array = new Uint8Array()): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.byteLength));
  return Buffer.concat([length, json, data]);
}

/** Writes a file into a folder of its own. */
export async function writeTemporary(bytes: Uint8Array, name = 'model.safetensors') {
  const filePath = path.join(await makeFolder(), name);
  await writeFile(filePath, bytes);
  return filePath;
}

/** Tensors of the given shapes one after another. */
export function layOut(shapes: Iterable<NamedShape>, dtype: Dtype = 'F16'): TensorInfo[] {
  let end = 0;
  return [...shapes].map(([name, shape]) => {
    const byteLength = elementCount(shape) * dtypeBytes(dtype);
    const info = { name, dtype, shape, fileOffset: end, byteLength };
    end += byteLength;
    return info;
  });
}

/** Writes a file with the given tensors, zero but for the first element of `marked`, which is 1. */
export async function writeValues(
  filePath: string,
  tensors: readonly TensorInfo[],
  marked?: string,
): Promise<string> {
  await writeZeros(filePath, tensors);
  const info = tensors.find(({ name }) => name === marked);
  if (!info || !isFloatDtype(info.dtype)) return filePath;
  const dataBytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const handle = await open(filePath, 'r+');
  const { size } = await handle.stat();
  const one = encodeFloats(info.dtype, Float32Array.of(1));
  await handle.write(one, 0, one.byteLength, size - dataBytes + info.fileOffset);
  await handle.close();
  return filePath;
}

/** Writes a file with the given tensors, all zero, without taking room on the disk. */
export async function writeZeros(
  filePath: string,
  tensors: readonly TensorInfo[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<string> {
  const header = serializeSafetensorsHeader(tensors, metadata);
  const dataBytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const handle = await open(filePath, 'wx');
  await handle.writeFile(header);
  await handle.truncate(header.byteLength + dataBytes);
  await handle.close();
  return filePath;
}

/** Names and shapes of a reference model, and the configuration that its author made it with. */
export async function readGoldenHeader(name: string) {
  const url = new URL(`../golden/headers/${name}.json`, import.meta.url);
  const { config, tensors } = JSON.parse(await readFile(url, 'utf8')) as {
    config: Record<string, unknown>;
    tensors: Record<string, number[]>;
  };
  const infos = layOut(Object.entries(tensors));
  const table = new Map(infos.map((info) => [info.name, info]));
  return { config, infos, source: { path: `${name}.safetensors`, tensors: table } };
}
