/**
 * Bytes per element of every data type that a safetensors header may name and whose elements are
 * whole bytes. (The packed 4 and 6 bit floats of the format are left out: no image model uses them.)
 */
const bytesPerElement = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2FNUZ: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
} as const;

/** A tensor's data type, spelled as in a safetensors header. */
export type Dtype = keyof typeof bytesPerElement;

/** The floating types that weights are trained in and written back to. */
export type FloatDtype = 'F16' | 'BF16' | 'F32' | 'F64';

/** Every {@link Dtype}, for messages that list what is known. */
export const dtypes = Object.keys(bytesPerElement) as readonly Dtype[];

/** Whether `name` is a data type of the safetensors format that this program knows. */
export function isDtype(name: unknown): name is Dtype {
  return typeof name === 'string' && Object.hasOwn(bytesPerElement, name);
}

/** Whether a tensor of this type can be converted to float32 and back without a scale factor. */
export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return dtype === 'F16' || dtype === 'BF16' || dtype === 'F32' || dtype === 'F64';
}

/** Size of one element of `dtype` in bytes. */
export function dtypeBytes(dtype: Dtype): number {
  return bytesPerElement[dtype];
}

/**
 * The float32 bits of each of the 65536 float16 bit patterns (256 KiB, made at first use): one
 * lookup an element is several times faster than taking sign, exponent and mantissa apart.
 */
let float16Table: Uint32Array | undefined;

function makeFloat16Table(): Uint32Array {
  const table = new Uint32Array(65536);
  const value = new Float32Array(1);
  const bits = new Uint32Array(value.buffer);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const mantissa = half & 0x3ff;
    if (exponent === 0) {
      // Subnormal: mantissa * 2^-24, exact in float32.
      value[0] = mantissa * 2 ** -24;
      table[half] = sign | (bits[0] ?? 0);
    } else if (exponent === 31) {
      table[half] = sign | 0x7f800000 | (mantissa << 13);
    } else {
      table[half] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    }
  }
  return table;
}

/**
 * Float16 bit patterns as float32, exactly (infinities and NaN payloads included).
 *
 * @param halves IEEE 754 binary16 bit patterns, any length. Not changed.
 * @param into takes the result; as long as `halves`
 */
export function float16ToFloat32(
  halves: Uint16Array,
  into: Float32Array = new Float32Array(halves.length),
): Float32Array {
  const table = (float16Table ??= makeFloat16Table());
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i] ?? 0] ?? 0;
  return into;
}

/**
 * Float32 as float16 bit patterns, rounded to nearest, ties to even. Beyond the largest finite
 * float16 (65504, from 65520 on) the result is an infinity; NaN stays NaN.
 *
 * @param values float32, any length, at any offset of its buffer. Not changed.
 */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  const scratch = new Float32Array(1);
  const scratchBits = new Uint32Array(scratch.buffer);
  for (let i = 0; i < bits.length; i++) {
    const all = bits[i] ?? 0;
    const sign = (all >>> 16) & 0x8000;
    const magnitude = all & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x38800000 && magnitude < 0x47800000) {
      // Normal in float16: move the exponent's bias from 127 to 15 and round half to even; a carry
      // out of the mantissa goes into the exponent, as it should (up to infinity).
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude < 0x38800000) {
      // Subnormal: adding 0.5 aligns the mantissa so that the addition itself rounds at bit 2^-24.
      scratchBits[0] = magnitude;
      scratch[0] = (scratch[0] ?? 0) + 0.5;
      half = scratchBits[0] - 0x3f000000;
    } else if (magnitude > 0x7f800000) {
      half = 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    } else {
      half = 0x7c00;
    }
    halves[i] = sign | half;
  }
  return halves;
}

/**
 * Bfloat16 bit patterns as float32, exactly.
 *
 * @param patterns the upper halves of float32 bit patterns, any length. Not changed.
 * @param into takes the result; as long as `patterns`
 */
export function bfloat16ToFloat32(
  patterns: Uint16Array,
  into: Float32Array = new Float32Array(patterns.length),
): Float32Array {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < patterns.length; i++) bits[i] = (patterns[i] ?? 0) << 16;
  return into;
}

/**
 * Float32 as bfloat16 bit patterns, rounded to nearest, ties to even. NaN stays NaN.
 *
 * @param values float32, any length, at any offset of its buffer. Not changed.
 */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const patterns = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const all = bits[i] ?? 0;
    const isNaN = (all & 0x7fffffff) > 0x7f800000;
    // Rounding could carry a NaN's payload over into an infinity: keep it quiet instead.
    patterns[i] = isNaN ? (all >>> 16) | 0x40 : (all + 0x7fff + ((all >>> 16) & 1)) >>> 16;
  }
  return patterns;
}

/**
 * Raw little-endian elements as float32; float64 is rounded to nearest.
 *
 * @param bytes whole elements of `dtype`, starting at a multiple of its size within the buffer
 * @param into takes the result; as many elements
 */
export function decodeFloats(dtype: FloatDtype, bytes: Uint8Array, into: Float32Array): void {
  const { buffer, byteOffset } = bytes;
  switch (dtype) {
    case 'F16':
      float16ToFloat32(new Uint16Array(buffer, byteOffset, into.length), into);
      break;
    case 'BF16':
      bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, into.length), into);
      break;
    case 'F32':
      into.set(new Float32Array(buffer, byteOffset, into.length));
      break;
    case 'F64':
      into.set(new Float64Array(buffer, byteOffset, into.length));
  }
}

/** Float32 as raw little-endian elements of `dtype`; for F32 the result shares `values`' memory. */
export function encodeFloats(dtype: FloatDtype, values: Float32Array): Uint8Array {
  const elements = toElements(dtype, values);
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}

function toElements(dtype: FloatDtype, values: Float32Array) {
  switch (dtype) {
    case 'F16':
      return float32ToFloat16(values);
    case 'BF16':
      return float32ToBfloat16(values);
    case 'F32':
      return values;
    case 'F64':
      return Float64Array.from(values);
  }
}
