import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { costOfRun } from '../../src/erase/run-cost.ts';
import { largestBufferOf } from '../../src/jobs/estimate/largest-buffer.ts';
import { requireBuffers } from '../../src/jobs/estimate/require-buffers.ts';
import { defaultSettings, type EraseSettings } from '../../src/methods/registry.ts';
import { attention } from '../../src/models/blocks/attention.ts';
import { largestTensor } from '../../src/onnx/graph-cost.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

it('the largest buffer is tried once and kept, for a device that has a bound', async () => {
  const folder = makeTemporaryFolder();
  let tries = 0;
  const probe = () => {
    tries += 1;
    return Promise.resolve(2 ** 29);
  };
  expect(await largestBufferOf('cpu', folder, probe)).toBeNull();
  expect(tries).toBe(0);
  for (let i = 0; i < 2; i++) expect(await largestBufferOf('webgpu', folder, probe)).toBe(2 ** 29);
  expect(tries).toBe(1);
  const file = path.join(folder, 'cache', 'buffers', 'webgpu.json');
  for (const damaged of ['{', '{"runtime":"0.1","bytes":5}']) {
    writeFileSync(file, damaged);
    expect(await largestBufferOf('webgpu', folder, probe)).toBe(2 ** 29);
  }
  expect(tries).toBe(3);
});

it('a tensor larger than any buffer is named before the start, and what makes it smaller', async () => {
  const checkpoint = await openCheckpoint(path.resolve('presets/tiny-sd/tiny-sd.safetensors'));
  const settings = {
    ...defaultSettings({ train: 'xattn', size: 64, modelChannels: 64 }),
    batch: 64,
  } as EraseSettings;
  const tryWith = (limitBytes: number | null, change: object = {}) =>
    requireBuffers(checkpoint, { ...settings, ...change }, { device: 'webgpu', limitBytes });
  await tryWith(null);
  const extent = { prompts: { forget: 1, retain: 1 }, drawnPictures: 0 };
  const cost = await costOfRun(checkpoint, settings, { ...extent, device: 'webgpu' });
  const { bytes } = cost.largestTensor;
  await tryWith(bytes);
  const limit = bytes - 1;
  await expect(tryWith(limit)).rejects.toMatchObject({
    code: 'settings.too-large',
    message: expect.stringMatching(
      /^the tensor "[^"]+" \[\d+(, \d+)+\] takes .*, and webgpu takes no buffer of more than .* here\. Train with a batch of 1: the largest tensor then takes /,
    ) as string,
  });
  await tryWith(limit, { batch: 1 });
  await expect(tryWith(1000)).rejects.toThrow(/Train on the CPU\.$/);
  await checkpoint.close();
});

it('attention holds no scores that a buffer of any device would not take', () => {
  const g = new GraphBuilder('attention');
  // SD 1.5 at 1024 pixels, whose scores are 8 GiB.
  const input = (name: string) => g.input(name, 'float32', [1, 128 * 128, 8 * 40]);
  const operands = { queries: input('q'), keys: input('k'), values: input('v'), heads: 8 };
  g.output('mixed', attention(g, operands));
  expect(largestTensor(g.graph).bytes).toBeLessThanOrEqual(128 * 2 ** 20);
});
