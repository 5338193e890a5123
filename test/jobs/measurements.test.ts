import path from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { defaultAdapters } from '../../src/adapters/settings.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import {
  addMeasurement,
  measurementKey,
  readMeasurements,
} from '../../src/jobs/estimate/measurements.ts';
import { defaultSettings, type EraseSettings } from '../../src/methods/registry.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const measurementOf = (key: string, rate = 1) => ({ key, device: 'cpu', runtime: '1', rate });

it('estimates that end at once keep each what they measured, and a later one replaces its own', async () => {
  const data = makeTemporaryFolder();
  expect(await readMeasurements(data)).toEqual([]);
  const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
  await Promise.all(keys.map((key) => addMeasurement(data, measurementOf(key))));
  await addMeasurement(data, measurementOf('key 3', 7));
  const found = await readMeasurements(data);
  expect(found.map(({ key }) => key).sort()).toEqual([...keys].sort());
  expect(found.at(-1)).toEqual(measurementOf('key 3', 7));
});

it('keeps the speeds of whole weights, of a low-rank change and of each rank apart', async () => {
  const checkpoint = await openCheckpoint(path.resolve('presets/tiny-sd/tiny-sd.safetensors'));
  onTestFinished(() => checkpoint.file.close());
  const settings = defaultSettings({ train: 'xattn', size: 64, modelChannels: 32 });
  const adapters = [
    defaultAdapters.full,
    defaultAdapters.lora,
    { ...defaultAdapters.lora, rank: 4 },
  ];
  const keys = adapters.map((adapter) =>
    measurementKey(checkpoint, { ...settings, adapter } as EraseSettings, {
      ...{ device: 'cpu', threads: 1 },
    }),
  );
  expect(new Set(keys).size).toBe(keys.length);
});
