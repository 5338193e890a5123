import { describe, expect, it } from 'vitest';

import {
  bfloat16ToFloat32,
  decodeFloats,
  dtypeBytes,
  dtypes,
  encodeFloats,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  isDtype,
  isFloatDtype,
} from '../../src/tensor/dtype.ts';
import { elementCount, isSameShape } from '../../src/tensor/shape.ts';

const everyPattern = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** Float32 of a float16 pattern by the definition of the format (IEEE 754-2019, 3.4). */
function float16ByDefinition(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The finite float16 nearest to a value, of two equally near ones the even pattern. */
function nearestFloat16(value: number): number {
  let best = 0;
  for (let half = 0; half < 0x7c00; half++) {
    const distance = Math.abs(float16ByDefinition(half) - value);
    const bestDistance = Math.abs(float16ByDefinition(best) - value);
    if (distance < bestDistance || (distance === bestDistance && half % 2 === 0)) best = half;
  }
  return best;
}

describe('float16', () => {
  it('decodes every bit pattern as the format defines it', () => {
    const decoded = float16ToFloat32(everyPattern);
    expect(Array.from(decoded)).toEqual(Array.from(everyPattern, float16ByDefinition));
  });

  it('encodes every decoded value back to its own pattern', () => {
    const patterns = everyPattern.filter((half) => (half & 0x7fff) <= 0x7c00);
    expect(float32ToFloat16(float16ToFloat32(patterns))).toEqual(patterns);
  });

  it('rounds to the nearest value, ties to even, subnormals included', () => {
    const values: number[] = [];
    for (const half of [0, 1, 2, 3, 0x3fe, 0x3ff, 0x400, 0x401, 0x3c00, 0x3c01, 0x7bfe]) {
      const low = float16ByDefinition(half);
      const high = float16ByDefinition(half + 1);
      for (const share of [0, 0.25, 0.4999, 0.5, 0.5001, 0.75]) {
        values.push(Math.fround(low + share * (high - low)));
      }
    }
    const expected = Uint16Array.from(values, nearestFloat16);
    expect(float32ToFloat16(Float32Array.from(values))).toEqual(expected);
    const negative = Float32Array.from(values, (value) => -value);
    expect(float32ToFloat16(negative)).toEqual(expected.map((half) => half | 0x8000));
  });

  it('goes to infinity from 65520 on and keeps NaN', () => {
    const values = Float32Array.of(65504, 65519.99, 65520, 1e30, Infinity, -Infinity, 1e-30);
    const halves = [0x7bff, 0x7bff, 0x7c00, 0x7c00, 0x7c00, 0xfc00, 0];
    expect(Array.from(float32ToFloat16(values))).toEqual(halves);
    expect(float16ToFloat32(float32ToFloat16(Float32Array.of(NaN)))).toEqual(Float32Array.of(NaN));
  });

  it('reads values that start in the middle of a buffer', () => {
    const values = Float32Array.of(9, 1, 2).subarray(1);
    expect(Array.from(float32ToFloat16(values))).toEqual([0x3c00, 0x4000]);
  });
});

describe('bfloat16', () => {
  it('encodes every decoded value back to its own pattern', () => {
    const patterns = everyPattern.filter((pattern) => (pattern & 0x7fff) <= 0x7f80);
    expect(float32ToBfloat16(bfloat16ToFloat32(patterns))).toEqual(patterns);
  });

  it('rounds to the nearest value, ties to even, and keeps NaN', () => {
    const bits = Uint32Array.of(0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f7fffff);
    const encoded = float32ToBfloat16(new Float32Array(bits.buffer));
    expect(Array.from(encoded)).toEqual([0x3f80, 0x3f82, 0x3f81, 0x3f80, 0x7f80]);
    const nan = new Float32Array(Uint32Array.of(0x7fffffff, 0x7f800001).buffer);
    expect(bfloat16ToFloat32(float32ToBfloat16(nan))).toEqual(Float32Array.of(NaN, NaN));
  });
});

describe('raw elements', () => {
  it.each(['F16', 'BF16', 'F32', 'F64'] as const)('go to %s and back', (dtype) => {
    const values = Float32Array.of(0, 1, -2.5, 0.15625, 1024);
    const bytes = encodeFloats(dtype, values);
    expect(bytes.byteLength).toBe(values.length * dtypeBytes(dtype));
    const back = new Float32Array(values.length);
    decodeFloats(dtype, bytes, back);
    expect(back).toEqual(values);
  });

  it('are known by the names of the format only', () => {
    expect(isDtype('BF16')).toBe(true);
    expect(isDtype('float16')).toBe(false);
    expect(isDtype('constructor')).toBe(false);
    expect(isDtype(16)).toBe(false);
    expect(dtypes.filter(isFloatDtype)).toEqual(['F16', 'BF16', 'F32', 'F64']);
  });
});

describe('shapes', () => {
  it('count their elements and compare by dimension', () => {
    expect([elementCount([]), elementCount([2, 3]), elementCount([4, 0])]).toEqual([1, 6, 0]);
    expect(isSameShape([2, 3], [2, 3])).toBe(true);
    expect(isSameShape([2, 3], [2, 3, 1])).toBe(false);
  });
});
