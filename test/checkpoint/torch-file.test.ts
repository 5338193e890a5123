import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { openTorchFile } from '../../src/checkpoint/torch-file/open-torch-file.ts';
import { findTensors } from '../../src/checkpoint/torch-file/tensors-in-pickle.ts';
import type { PickledValue } from '../../src/checkpoint/torch-file/unpickle.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const folder = path.resolve('test/golden/embeddings');

async function tensorsOf(name: string) {
  const file = await openTorchFile(path.join(folder, name));
  const read: Record<string, number[]> = {};
  for (const [key, { dtype }] of file.tensors) {
    if (dtype !== 'I64') read[key] = [...(await file.readFloat32(key))];
  }
  const table = new Map(
    [...file.tensors].map(([key, { dtype, shape }]) => [key, { dtype, shape }]),
  );
  await file.close();
  return { read, table };
}

async function expectedValues(): Promise<number[]> {
  const file = await openSafetensors(path.join(folder, 'expected.safetensors'));
  const values = [...(await file.readFloat32('values'))];
  await file.close();
  return values;
}

it('tensors of PyTorch files are read with all that may stand beside them', async () => {
  const values = await expectedValues();
  const own = await tensorsOf('sks_style.pt');
  expect(own.read).toEqual({ 'string_to_param.*': values });
  const parameters = await tensorsOf('parameters.pt');
  expect(parameters.table).toEqual(
    new Map([['string_to_param.*', { dtype: 'F16', shape: [2, 64] }]]),
  );
  // A slice of a storage begins within it.
  const sliced = await tensorsOf('learned_embeds.bin');
  expect(sliced.read).toEqual({ '<sks-toy>': values.slice(64) });
  const trainer = await tensorsOf('trainer.ckpt');
  expect(trainer.table).toEqual(
    new Map([
      ['first', { dtype: 'BF16', shape: [2, 64] }],
      ['second', { dtype: 'I64', shape: [3] }],
    ]),
  );
  expect(trainer.read.first?.[5]).toBeCloseTo(values[5] ?? 0, 3);
});

it.each([
  ['evil.pt', /asks for "posix\.system", which tensors do not need\. Nothing of it was run/],
  ['legacy.pt', /no archive as PyTorch writes it since version 1\.6/],
  ['transposed.pt', /numbers of its tensor "emb_params" are not in order/],
  ['kohya.safetensors', /no archive as PyTorch writes it/],
])('%s is refused with the reason', async (name, reason) => {
  await expect(openTorchFile(path.join(folder, name))).rejects.toThrow(reason);
});

it('a few dictionaries that stand in each other thousands of times are not gone through', () => {
  let root: PickledValue = null;
  for (let level = 0; level < 6; level++) {
    const inner: PickledValue = root;
    root = new Map(Array.from({ length: 200 }, (_, key) => [key, inner]));
  }
  expect(() => findTensors(root)).toThrow(/more than tensors/);
});

it('no damage of a file does more than have it refused', async () => {
  const whole = readFileSync(path.join(folder, 'sks_style.pt'));
  const damaged = path.join(makeTemporaryFolder(), 'damaged.pt');
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.from(whole);
    const at = (i * 7919) % bytes.length;
    bytes[at] = (bytes[at] ?? 0) ^ (1 + (i % 255));
    writeFileSync(damaged, i % 4 === 0 ? bytes.subarray(0, at) : bytes);
    const opened = await openTorchFile(damaged).catch((error: unknown) => error);
    if (opened instanceof Error) expect(opened, `byte ${at}`).toHaveProperty('code');
    else await (opened as Awaited<ReturnType<typeof openTorchFile>>).close();
  }
});
