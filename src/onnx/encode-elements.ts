import { AppError } from '../errors.ts';
import { float32ToFloat16 } from '../tensor/dtype.ts';
import type { ElementType } from './element-type.ts';

/** The bytes of a constant. Integer types take whole numbers. */
export function encodeElements(elements: readonly number[], type: ElementType): Uint8Array {
  switch (type) {
    case 'float32':
      return bytesOf(Float32Array.from(elements));
    case 'float64':
      return bytesOf(Float64Array.from(elements));
    case 'float16':
      return bytesOf(float32ToFloat16(Float32Array.from(elements)));
    case 'int32':
      return bytesOf(Int32Array.from(elements));
    case 'int64':
      return bytesOf(BigInt64Array.from(elements.map(BigInt)));
    case 'int8':
      return bytesOf(Int8Array.from(elements));
    case 'bool':
    case 'uint8':
      return Uint8Array.from(elements);
    case 'bfloat16':
      throw new AppError('graph.invalid', 'bfloat16 constants are not supported');
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
