import { encodeFloats } from '../tensor/dtype.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';
import { writeReplacing } from './atomic-file.ts';
import { serializeSafetensorsHeader, type TensorInfo } from './safetensors-header.ts';

/** A float32 tensor to be written; its elements are asked for when its turn comes. */
export interface TensorEntry {
  readonly name: string;
  readonly shape: Shape;
  readonly elements: () => Promise<Float32Array>;
}

const elementBytes = 4;

/** What stands before the tensors in such a file. */
export function tensorFileHeader(
  entries: readonly Omit<TensorEntry, 'elements'>[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let offset = 0;
  const infos = entries.map(({ name, shape }): TensorInfo => {
    const byteLength = elementCount(shape) * elementBytes;
    const info = { name, dtype: 'F32' as const, shape, fileOffset: offset, byteLength };
    offset += byteLength;
    return info;
  });
  return serializeSafetensorsHeader(infos, new Map(Object.entries(metadata)));
}

/**
 * Writes float32 tensors as a safetensors file, replacing an earlier one of that name in one move:
 * whoever reads it finds either the old file or the new one, whole.
 */
export async function writeTensorFile(
  filePath: string,
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await writeReplacing(filePath, async (handle) => {
    await handle.writeFile(tensorFileHeader(entries, metadata));
    for (const { elements } of entries) {
      await handle.writeFile(encodeFloats('F32', await elements()));
    }
  });
}
