import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import type { Dataset } from '../../src/training/dataset.ts';
import {
  readDataset,
  readHealthy,
  readRunState,
  type RunState,
  writeDataset,
  writeHealthy,
  writeRunState,
} from '../../src/training/run-state.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** Two parameters; NaN, infinities and the smallest numbers must come back too. */
function drawSet(first: number): TensorSet {
  const set = new TensorSet();
  const odd = [first, -0, Number.NaN, Infinity, 1e-45, Math.PI];
  set.put('model.a', floatTensor(Float32Array.from(odd), [2, 3]));
  set.put('model.b', floatTensor(Float32Array.of(first + 0.5), []));
  return set;
}

function elementsOf(set: TensorSet): [string, readonly number[], Uint32Array][] {
  return [...set.entries()].map(([name, tensor]) => {
    const { buffer, byteOffset, length } = floatData(tensor);
    return [name, tensor.dims, new Uint32Array(buffer, byteOffset, length)];
  });
}

const state: RunState = {
  parameters: drawSet(1),
  sets: new Map([
    ['mean', drawSet(2)],
    ['square', drawSet(3)],
  ]),
  progress: {
    step: 7,
    guard: { baseline: 0.25, badChecks: 1 },
    end: { thresholds: [0.1], gone: [], best: null },
  },
};
const moments = ['mean', 'square'];

const dataset: Dataset = {
  forget: [
    {
      ...{ prompt: 'a heart', latents: Float32Array.of(1, 2, 3, 4) },
      size: { latentHeight: 2, latentWidth: 2 },
      framing: { original: { width: 300, height: 200 }, top: 0, left: 25 },
    },
  ],
  retain: [
    {
      ...{ prompt: 'a star', latents: Float32Array.of(5, 6, 7, 8) },
      ...{ size: { latentHeight: 1, latentWidth: 4 }, framing: null },
    },
    {
      ...{ prompt: 'ein Stern: ★', latents: Float32Array.of(-1, -2, -3, -4, -5, -6) },
      ...{ size: { latentHeight: 3, latentWidth: 2 }, framing: null },
    },
  ],
  anchors: new Map([['a heart', 'a photo']]),
  prompts: new Map([
    ['', { context: Float32Array.of(0, 1), pooled: null }],
    ['a heart', { context: Float32Array.of(2, 3), pooled: null }],
    ['a photo', { context: Float32Array.of(4, 5), pooled: null }],
    ['a star', { context: Float32Array.of(6, 7), pooled: null }],
    ['ein Stern: ★', { context: Float32Array.of(8, 9), pooled: Float32Array.of(1, 2, 3) }],
  ]),
};
const shapes = { channels: 1, contextShape: [1, 2] };

describe('The state of a run', () => {
  it('comes back bit for bit', async () => {
    const folder = makeTemporaryFolder();
    expect(await readRunState(folder, moments)).toBeNull();
    await writeRunState(folder, state);
    const read = (await readRunState(folder, moments))!;
    expect(read.progress).toEqual(state.progress);
    expect(elementsOf(read.parameters)).toEqual(elementsOf(state.parameters));
    expect([...read.sets.keys()]).toEqual(moments);
    for (const [name, set] of state.sets) {
      expect(elementsOf(read.sets.get(name)!), name).toEqual(elementsOf(set));
    }
  });

  it('is replaced by a later one', async () => {
    const folder = makeTemporaryFolder();
    await writeRunState(folder, state);
    await writeRunState(folder, {
      ...state,
      parameters: drawSet(9),
      progress: { ...state.progress, step: 8 },
    });
    const read = (await readRunState(folder, moments))!;
    expect(read.progress.step).toBe(8);
    expect(elementsOf(read.parameters)).toEqual(elementsOf(drawSet(9)));
  });

  it('keeps the last parameters in good health, and their step', async () => {
    const folder = makeTemporaryFolder();
    expect(await readHealthy(folder)).toBeNull();
    await writeHealthy(folder, { parameters: drawSet(4), step: 12 });
    const healthy = (await readHealthy(folder))!;
    expect(healthy.step).toBe(12);
    expect(elementsOf(healthy.parameters)).toEqual(elementsOf(drawSet(4)));
  });

  it('keeps the pictures and prompts', async () => {
    const folder = makeTemporaryFolder();
    expect(await readDataset(folder)).toBeNull();
    await writeDataset(folder, dataset, shapes);
    expect(await readDataset(folder)).toEqual(dataset);
  });

  it('opens pictures as earlier versions kept them: of one shape, none framed', async () => {
    const folder = makeTemporaryFolder();
    const elements = (values: Float32Array) => () => Promise.resolve(values);
    await writeTensorFile(
      path.join(folder, 'dataset.safetensors'),
      [
        { name: 'forget.0', shape: [1, 2, 2], elements: elements(Float32Array.of(1, 2, 3, 4)) },
        { name: 'context.0', shape: [1, 2], elements: elements(Float32Array.of(0, 1)) },
      ],
      { table: JSON.stringify({ prompts: ['x'], forget: ['x'], retain: [], anchors: [] }) },
    );
    const size = { latentHeight: 2, latentWidth: 2 };
    expect((await readDataset(folder))!.forget).toEqual([
      { prompt: 'x', latents: Float32Array.of(1, 2, 3, 4), size, framing: null },
    ]);
  });
});

describe('A damaged state', () => {
  const files = ['state', 'healthy', 'dataset'] as const;
  const readers = {
    state: (folder: string) => readRunState(folder, moments),
    healthy: readHealthy,
    dataset: readDataset,
  };

  async function writeAll(): Promise<string> {
    const folder = makeTemporaryFolder();
    await writeRunState(folder, state);
    await writeHealthy(folder, { parameters: drawSet(4), step: 12 });
    await writeDataset(folder, dataset, shapes);
    return folder;
  }

  type Damage = (file: string) => void | Promise<void>;
  const damages: Record<string, Damage> = {
    'is empty': (file) => {
      truncateSync(file, 0);
    },
    'was cut off': (file) => {
      truncateSync(file, readFileSync(file).length - 3);
    },
    'holds something else': (file) => {
      writeFileSync(file, 'not a state at all, but long enough for a header');
    },
    'has lost its tensors and its table': (file) => writeTensorFile(file, [], {}),
    'has a table of nonsense': (file) =>
      writeTensorFile(file, [], { progress: '{', step: 'x', table: '[]' }),
  };

  describe.each(Object.entries(damages))('that %s', (_, damage) => {
    it.each(files)('is told as such: %s', async (name) => {
      const folder = await writeAll();
      const file = path.join(folder, `${name}.safetensors`);
      await damage(file);
      await expect(readers[name](folder)).rejects.toMatchObject({
        code: 'job.damaged',
        exitStatus: 3,
        message: expect.stringMatching(
          /^the saved state ".*\.safetensors" cannot be read .*Delete the folder ".*" and resume/,
        ) as string,
      });
    });
  });

  it('that lacks a picture is told as such', async () => {
    const folder = await writeAll();
    const entries = [
      { name: 'forget.0', shape: [4], elements: () => Promise.resolve(new Float32Array(4)) },
    ];
    const table = JSON.stringify({ prompts: ['a'], forget: ['a'], retain: ['b'], anchors: [] });
    await writeTensorFile(path.join(folder, 'dataset.safetensors'), entries, { table });
    await expect(readDataset(folder)).rejects.toMatchObject({ code: 'job.damaged' });
  });
});
