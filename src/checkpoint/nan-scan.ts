import path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { AppError } from '../errors.ts';
import { dtypeBytes, type FloatDtype, isFloatDtype } from '../tensor/dtype.ts';
import type { TensorStore } from './tensor-store.ts';

/**
 * Refuses a model whose weights are not all finite: training would spread the NaN to every weight.
 * Reads the tensors in pieces and lets other work run between them.
 *
 * @param names tensors to look at; those of other than floating types are skipped. Default: all.
 * @throws AppError `checkpoint.nan` naming the first such tensor in the order of `names`
 */
export async function requireFiniteWeights(
  file: TensorStore,
  names: Iterable<string> = file.tensors.keys(),
): Promise<void> {
  for (const name of names) {
    const info = file.tensors.get(name);
    if (!info || !isFloatDtype(info.dtype)) continue;
    let scanned = 0;
    for await (const chunk of file.chunks(name)) {
      const index = findNonFinite(info.dtype, chunk);
      if (index >= 0) throw notFinite(file, name, scanned + index);
      scanned += chunk.byteLength / dtypeBytes(info.dtype);
      await setImmediate();
    }
  }
}

function notFinite(file: TensorStore, name: string, element: number): AppError {
  return new AppError(
    'checkpoint.nan',
    `checkpoint "${path.basename(file.path)}": tensor "${name}" holds NaN or infinity (element ${element}). The model is broken, often by a merge; use an undamaged copy.`,
  );
}

/**
 * Index of the first element that is NaN or infinite, -1 if there is none.
 *
 * @param bytes whole elements of `dtype`, starting at a multiple of its size within the buffer.
 */
export function findNonFinite(dtype: FloatDtype, bytes: Uint8Array): number {
  const { buffer, byteOffset } = bytes;
  const count = bytes.byteLength / dtypeBytes(dtype);
  switch (dtype) {
    case 'F16':
      return findFullExponent(new Uint16Array(buffer, byteOffset, count), 0x7c00);
    case 'BF16':
      return findFullExponent(new Uint16Array(buffer, byteOffset, count), 0x7f80);
    case 'F32':
      return findFullExponent(new Uint32Array(buffer, byteOffset, count), 0x7f800000);
    case 'F64':
      return new Float64Array(buffer, byteOffset, count).findIndex((x) => !Number.isFinite(x));
  }
}

/** NaN and the infinities are the bit patterns whose exponent bits are all set. */
function findFullExponent(patterns: Uint16Array | Uint32Array, exponentMask: number): number {
  for (let i = 0; i < patterns.length; i++) {
    if (((patterns[i] ?? 0) & exponentMask) === exponentMask) return i;
  }
  return -1;
}
