import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { openSafetensors, type SafetensorsFile } from '../../src/checkpoint/safetensors-reader.ts';
import {
  type ScrubbedCheckpoint,
  writeScrubbedCheckpoint,
} from '../../src/families/single-file/safetensors-writer.ts';
import { stableDiffusionFiles } from '../../src/families/stable-diffusion/files.ts';
import { encodeFloats, type FloatDtype } from '../../src/tensor/dtype.ts';
import { fileBytes, makeFolder } from './safetensors-fixtures.ts';

const values = Float32Array.from({ length: 24 }, (_, i) => i / 8 - 1);

/** A model with a tensor of each floating type and ids, names and bytes in different orders. */
function originalBytes(): Buffer {
  const parts = [
    encodeFloats('F32', values),
    encodeFloats('BF16', values),
    encodeFloats('F16', values),
    Buffer.alloc(16, 3),
  ];
  const offsets = [0, 96, 144, 192, 208];
  const entry = (dtype: string, index: number, shape: number[]) => ({
    dtype,
    shape,
    data_offsets: [offsets[index], offsets[index + 1]],
  });
  // Written as text: in an object the name 7 would come first.
  const header = [
    `"w.f16":${JSON.stringify(entry('F16', 2, [4, 6]))}`,
    `"__metadata__":${JSON.stringify({ format: 'pt', 'modelspec.title': 'é' })}`,
    `"7":${JSON.stringify(entry('I64', 3, [2]))}`,
    `"w.f32":${JSON.stringify(entry('F32', 0, [24]))}`,
    `"w.bf16":${JSON.stringify(entry('BF16', 1, [2, 3, 4]))}`,
  ];
  return fileBytes(`{${header.join(',')}}`, Buffer.concat(parts));
}

async function makeSource() {
  const folder = await makeFolder();
  const sourcePath = path.join(folder, 'base.safetensors');
  await writeFile(sourcePath, originalBytes());
  const source = await openSafetensors(sourcePath);
  return { folder, source, outputPath: path.join(folder, 'scrubbed.safetensors') };
}

/** New values for one tensor. */
const replacing = (name: string, elements: () => Promise<Float32Array>) =>
  new Map([[name, elements]]);
const withValues = (name: string, given: Float32Array) =>
  replacing(name, () => Promise.resolve(given));

/** Writes with nothing replaced unless told otherwise, then closes the source. */
async function write(
  made: { source: SafetensorsFile; outputPath: string },
  changes: Partial<ScrubbedCheckpoint> = {},
): Promise<number> {
  try {
    return await writeScrubbedCheckpoint({
      replaced: new Map(),
      metadata: { erase_concept: '{"method":"erasediff"}' },
      files: stableDiffusionFiles,
      ...made,
      ...changes,
    });
  } finally {
    await made.source.close();
  }
}

describe('a scrubbed checkpoint', () => {
  it('has the same names, order, types and bytes where nothing was trained', async () => {
    const made = await makeSource();
    const written = await write(made);
    const original = await openSafetensors(made.source.path);
    const result = await openSafetensors(made.outputPath);
    expect(written).toBe(result.fileBytes);
    expect([...result.tensors.keys()]).toEqual(['w.f16', '7', 'w.f32', 'w.bf16']);
    for (const [name, { dtype, shape }] of original.tensors) {
      expect(result.tensors.get(name)).toMatchObject({ dtype, shape });
      expect(await result.readTensor(name)).toEqual(await original.readTensor(name));
    }
    await Promise.all([original.close(), result.close()]);
  });

  it("carries the original's metadata and the added entry", async () => {
    const made = await makeSource();
    await write(made);
    const result = await openSafetensors(made.outputPath);
    expect(Object.fromEntries(result.metadata)).toEqual({
      format: 'pt',
      'modelspec.title': 'é',
      erase_concept: '{"method":"erasediff"}',
    });
    await result.close();
  });

  it.each<FloatDtype>(['F16', 'BF16', 'F32'])('holds trained values as %s', async (dtype) => {
    const made = await makeSource();
    const trainedName = `w.${dtype.toLowerCase()}`;
    const trained = values.map((value) => value * 0.3 + 1e-3);
    await write(made, { replaced: withValues(trainedName, trained) });
    const result = await openSafetensors(made.outputPath);
    expect(await result.readTensor(trainedName)).toEqual(
      new Uint8Array(encodeFloats(dtype, trained)),
    );
    const original = await openSafetensors(made.source.path);
    expect(await result.readTensor('7')).toEqual(await original.readTensor('7'));
    await Promise.all([original.close(), result.close()]);
  });

  it('leaves the original as it was', async () => {
    const made = await makeSource();
    await write(made, { replaced: withValues('w.f32', values) });
    const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    expect(sha(await readFile(made.source.path))).toBe(sha(originalBytes()));
  });

  it('asks for one tensor at a time, in the order of the file', async () => {
    const made = await makeSource();
    const asked: string[] = [];
    const elements = (name: string) => () => {
      asked.push(name);
      return Promise.resolve(values);
    };
    const names = ['w.f16', 'w.f32', 'w.bf16'];
    await write(made, { replaced: new Map(names.map((name) => [name, elements(name)])) });
    expect(asked).toEqual(['w.f32', 'w.bf16', 'w.f16']);
  });
});

describe('files beside a scrubbed checkpoint', () => {
  const yaml = 'model:\n  params:\n    cond_stage_config:\n      params: {version: tiny-clip}\n';

  it('are the original config under the new name', async () => {
    const made = await makeSource();
    await writeFile(path.join(made.folder, 'base.yaml'), yaml);
    await write(made);
    expect(await readFile(path.join(made.folder, 'scrubbed.yaml'), 'utf8')).toBe(yaml);
  });

  it('include the text encoder config if the result goes to another folder', async () => {
    const made = await makeSource();
    await writeFile(path.join(made.folder, 'base.yaml'), yaml);
    await mkdir(path.join(made.folder, 'tiny-clip'));
    await writeFile(path.join(made.folder, 'tiny-clip', 'config.json'), '{}');
    const elsewhere = path.join(made.folder, 'elsewhere');
    await mkdir(elsewhere);
    await write(made, { outputPath: path.join(elsewhere, 'b.safetensors') });
    expect((await readdir(elsewhere)).sort()).toEqual(['b.safetensors', 'b.yaml', 'tiny-clip']);
    expect(await readFile(path.join(elsewhere, 'tiny-clip', 'config.json'), 'utf8')).toBe('{}');
  });

  it('are never overwritten', async () => {
    const made = await makeSource();
    await writeFile(path.join(made.folder, 'base.yaml'), yaml);
    await writeFile(path.join(made.folder, 'scrubbed.yaml'), 'mine');
    await expect(write(made)).rejects.toMatchObject({ code: 'output.exists' });
    expect(await readFile(path.join(made.folder, 'scrubbed.yaml'), 'utf8')).toBe('mine');
  });
});

describe('writing a checkpoint that fails', () => {
  async function expectNothingLeft(folder: string): Promise<void> {
    const names = await readdir(folder);
    expect(names.filter((name) => !name.startsWith('base.'))).toEqual([]);
  }

  it('in the middle leaves nothing behind', async () => {
    const made = await makeSource();
    await writeFile(path.join(made.folder, 'base.yaml'), 'model: {params: {}}');
    const failure = new Error('the state file is gone');
    const replaced = replacing('w.f16', () => Promise.reject(failure));
    await expect(write(made, { replaced })).rejects.toBe(failure);
    await expectNothingLeft(made.folder);
  });

  it('because it was cancelled leaves nothing behind', async () => {
    const made = await makeSource();
    const controller = new AbortController();
    const reason = new Error('cancelled');
    const replaced = replacing('w.f32', () => {
      controller.abort(reason);
      return Promise.resolve(values);
    });
    await expect(write(made, { replaced, signal: controller.signal })).rejects.toBe(reason);
    await expectNothingLeft(made.folder);
  });

  it('for lack of disk space says so before anything is written', async () => {
    const made = await makeSource();
    const replaced = replacing('w.f32', () => Promise.reject(new Error('must not be asked')));
    await expect(
      write(made, { replaced, freeBytes: () => Promise.resolve(1000) }),
    ).rejects.toMatchObject({
      code: 'output.no-space',
      message: expect.stringMatching(
        /has 1\.0 kB free, but the scrubbed model needs \d+ MB/,
      ) as string,
    });
    await expectNothingLeft(made.folder);
  });

  it.each([
    ['ENOSPC', 'output.no-space'],
    ['EACCES', 'output.unwritable'],
  ])('with %s becomes %s', async (systemCode, code) => {
    const made = await makeSource();
    const freeBytes = () => Promise.reject(Object.assign(new Error('no'), { code: systemCode }));
    await expect(write(made, { freeBytes })).rejects.toMatchObject({ code });
  });

  it('because the name is taken keeps the file of that name', async () => {
    const made = await makeSource();
    await writeFile(made.outputPath, 'mine');
    await expect(write(made)).rejects.toMatchObject({ code: 'output.exists', exitStatus: 3 });
    expect(await readFile(made.outputPath, 'utf8')).toBe('mine');
  });

  it('because the name was taken meanwhile keeps the file of that name', async () => {
    const made = await makeSource();
    await writeFile(path.join(made.folder, 'base.yaml'), 'model: {params: {}}');
    const replaced = replacing('w.f32', async () => {
      await writeFile(made.outputPath, 'mine');
      return values;
    });
    await expect(write(made, { replaced })).rejects.toMatchObject({ code: 'output.exists' });
    expect(await readFile(made.outputPath, 'utf8')).toBe('mine');
    expect((await readdir(made.folder)).sort()).toEqual([
      'base.safetensors',
      'base.yaml',
      'scrubbed.safetensors',
    ]);
  });

  it('because the folder is missing says which path', async () => {
    const made = await makeSource();
    const outputPath = path.join(made.folder, 'none', 'b.safetensors');
    await expect(write(made, { outputPath })).rejects.toMatchObject({
      code: 'output.unwritable',
      message: expect.stringContaining(outputPath) as string,
    });
  });

  it.each([
    ['NaN', NaN],
    ['a value beyond float16', 70000],
  ])('because training gave %s names the tensor', async (_what, bad) => {
    const made = await makeSource();
    const broken = Float32Array.from(values);
    broken[5] = bad;
    const replaced = withValues('w.f16', broken);
    await expect(write(made, { replaced })).rejects.toMatchObject({
      code: 'checkpoint.nan',
      message: expect.stringMatching(/"w\.f16".*element 5/) as string,
    });
    await expectNothingLeft(made.folder);
  });

  it.each([
    ['a wrong number of values', 'w.f32', new Float32Array(3)],
    ['values for ids', '7', new Float32Array(2)],
  ])('because it was given %s is an error of the program', async (_what, trainedName, given) => {
    const made = await makeSource();
    const replaced = withValues(trainedName, given);
    await expect(write(made, { replaced })).rejects.toMatchObject({ code: 'internal.unexpected' });
  });

  it('because the process was killed is cleaned up by the next attempt', async () => {
    const made = await makeSource();
    // No process has this id: Linux, macOS and Windows number them far below.
    const abandoned = `${made.outputPath}.1999999999.part`;
    const ownOfOldContainer = `${made.outputPath}.${process.pid}.part`;
    const ofRunningProcess = `${made.outputPath}.${process.ppid}.part`;
    for (const file of [abandoned, ownOfOldContainer, ofRunningProcess]) await writeFile(file, 'x');
    await write(made);
    expect((await readdir(made.folder)).sort()).toEqual([
      'base.safetensors',
      'scrubbed.safetensors',
      path.basename(ofRunningProcess),
    ]);
  });
});
