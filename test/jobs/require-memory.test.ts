import path from 'node:path';
import { expect, it } from 'vitest';

import { openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { defaultOptimizers, defaultSettings } from '../../src/erase/default-settings.ts';
import { requireMemory } from '../../src/jobs/require-memory.ts';

const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const gigabyte = 1e9;

it('refuses what needs more memory than the machine has, and says what needs less', async () => {
  const checkpoint = await openCheckpoint(model);
  const settings = {
    ...defaultSettings({ train: 'full', size: 64, modelChannels: 32 }),
    ...{ innerSteps: 1, innerOptimizer: defaultOptimizers.adam, batch: 8 },
  };
  expect(() => {
    requireMemory(checkpoint, settings, gigabyte);
  }).not.toThrow();
  expect(() => {
    requireMemory(checkpoint, settings, 0.3 * gigabyte);
  }).toThrow(
    expect.objectContaining({
      code: 'settings.too-large',
      message: expect.stringMatching(
        /^training takes about \d+ MB .* has 300 MB: .*--train xattn.*--inner-optimizer sgd.*--batch 1/,
      ) as string,
    }),
  );
  expect(() => {
    requireMemory(checkpoint, { ...settings, train: 'xattn', innerSteps: 0 }, 0.1 * gigabyte);
  }).toThrow(/has 100 MB: train with smaller batches \(--batch 1\), or train on smaller pictures/);
  await checkpoint.file.close();
});
