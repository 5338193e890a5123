import { describe, expect, it } from 'vitest';

import { findNonFinite, requireFiniteWeights } from '../../src/checkpoint/nan-scan.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { encodeFloats } from '../../src/tensor/dtype.ts';
import { fileBytes, writeTemporary } from './safetensors-fixtures.ts';

describe.each(['F16', 'BF16', 'F32', 'F64'] as const)('searching %s for NaN', (dtype) => {
  it.each([NaN, Infinity, -Infinity])('finds the first %d', (bad) => {
    const bytes = encodeFloats(dtype, Float32Array.of(0, 1, 65504, bad, bad));
    expect(findNonFinite(dtype, bytes)).toBe(3);
  });

  it('finds nothing in finite values, the largest and smallest included', () => {
    const bytes = encodeFloats(dtype, Float32Array.of(0, -0, -65504, 6e-8, 1));
    expect(findNonFinite(dtype, bytes)).toBe(-1);
  });
});

describe('a model with NaN weights', () => {
  async function openModel(bad: number) {
    const weights = Float32Array.of(1, 2, bad, 4);
    const data = Buffer.concat([Buffer.alloc(8, 0xff), encodeFloats('F16', weights)]);
    const header = {
      ids: { dtype: 'I64', shape: [1], data_offsets: [0, 8] },
      w: { dtype: 'F16', shape: [2, 2], data_offsets: [8, 16] },
    };
    return openSafetensors(await writeTemporary(fileBytes(header, data), 'm.safetensors'));
  }

  it('is refused with the tensor and what to do', async () => {
    const file = await openModel(NaN);
    await expect(requireFiniteWeights(file)).rejects.toMatchObject({
      code: 'checkpoint.nan',
      exitStatus: 3,
      message: expect.stringMatching(/"m\.safetensors": tensor "w".*element 2.*use/) as string,
    });
    await file.close();
  });

  it('is accepted if the tensors that are used are finite', async () => {
    const file = await openModel(NaN);
    await requireFiniteWeights(file, ['ids', 'not there']);
    await file.close();
    const finite = await openModel(3);
    await requireFiniteWeights(finite);
    await finite.close();
  });
});
