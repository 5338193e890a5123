import { mkdir, truncate } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { encodeFloats } from '../../src/tensor/dtype.ts';
import { fileBytes, makeFolder, writeTemporary } from './safetensors-fixtures.ts';

const twoTensors = fileBytes(
  {
    half: { dtype: 'F16', shape: [3], data_offsets: [0, 6] },
    ids: { dtype: 'I64', shape: [1], data_offsets: [6, 14] },
  },
  Buffer.concat([encodeFloats('F16', Float32Array.of(1, -2, 0.5)), Buffer.alloc(8, 7)]),
);

async function openTwoTensors() {
  const filePath = await writeTemporary(twoTensors);
  return { filePath, file: await openSafetensors(filePath) };
}

describe('a safetensors file', () => {
  it('gives raw bytes, float32 values and pieces of its tensors', async () => {
    const { file } = await openTwoTensors();
    expect(Array.from(await file.readTensor('ids'))).toEqual(Array(8).fill(7));
    expect(await file.readFloat32('half')).toEqual(Float32Array.of(1, -2, 0.5));
    const pieces: number[][] = [];
    for await (const chunk of file.chunks('half', 4)) pieces.push(Array.from(chunk));
    expect(pieces.map((piece) => piece.length)).toEqual([4, 2]);
    expect(pieces.flat()).toEqual(Array.from(await file.readTensor('half')));
    await file.close();
  });

  it('refuses to take integers for weights and tensors that are not there', async () => {
    const { file } = await openTwoTensors();
    await expect(file.readFloat32('ids')).rejects.toMatchObject({ code: 'model.unsupported' });
    await expect(file.readTensor('other')).rejects.toMatchObject({ code: 'checkpoint.damaged' });
    await file.close();
  });

  it('notices that it was cut off while in use', async () => {
    const { file, filePath } = await openTwoTensors();
    await truncate(filePath, twoTensors.byteLength - 4);
    await expect(file.readTensor('ids')).rejects.toThrow(/became shorter/);
    await file.close();
  });

  it('has the SHA-256 that other tools give', async () => {
    const filePath = await writeTemporary(Buffer.from('abc'));
    expect(await hashCheckpoint(filePath)).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('opening a checkpoint', () => {
  it('says that a file does not exist', async () => {
    const filePath = path.join(await makeFolder(), 'none.safetensors');
    await expect(openSafetensors(filePath)).rejects.toMatchObject({
      code: 'checkpoint.not-found',
      exitStatus: 3,
    });
  });

  it('refuses a folder', async () => {
    const folder = path.join(await makeFolder(), 'model.safetensors');
    await mkdir(folder);
    await expect(openSafetensors(folder)).rejects.toThrow(/is a folder.*single file/);
  });

  it.each(['model.ckpt', 'model.PT', 'pytorch_model.bin', 'm.pth'])(
    'refuses %s and says how to convert it',
    async (name) => {
      const filePath = await writeTemporary(twoTensors, name);
      await expect(openSafetensors(filePath)).rejects.toMatchObject({
        code: 'checkpoint.not-safetensors',
        message: expect.stringMatching(/Checkpoint Merger.*safetensors/) as string,
      });
    },
  );

  it.each([
    ['a zip archive of PyTorch', Buffer.from('PK\x03\x04\x00\x00\x08\x08rest of it', 'latin1')],
    ['a bare pickle', Buffer.from('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.', 'latin1')],
  ])('knows %s by its content', async (_what, bytes) => {
    const filePath = await writeTemporary(bytes);
    await expect(openSafetensors(filePath)).rejects.toThrow(/by its content a PyTorch pickle/);
  });

  it('does not take a header of 0x0280 bytes and more for a pickle', async () => {
    const padding = ' '.repeat(0x10280 - 2);
    const filePath = await writeTemporary(fileBytes(`{}${padding}`));
    const file = await openSafetensors(filePath);
    expect(file.tensors.size).toBe(0);
    await file.close();
  });

  it.each([
    ['a GGUF file', Buffer.from('GGUF\x03\x00\x00\x00'), /GGUF/],
    ['an empty file', Buffer.alloc(0), /is empty/],
    ['a picture', Buffer.from('\x89PNG\r\n\x1a\n0000', 'latin1'), /another kind/],
    ['a web page', Buffer.from('<!DOCTYPE html><html>'), /another kind/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs'), /another kind/],
  ])('refuses %s', async (_what, bytes, message) => {
    const filePath = await writeTemporary(bytes);
    await expect(openSafetensors(filePath)).rejects.toMatchObject({
      code: 'checkpoint.not-safetensors',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each([3, 20, twoTensors.byteLength - 1])(
    'refuses a file cut off after %d bytes',
    async (n) => {
      const filePath = await writeTemporary(twoTensors.subarray(0, n));
      await expect(openSafetensors(filePath)).rejects.toMatchObject({ exitStatus: 3 });
    },
  );
});
