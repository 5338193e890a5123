import { expect, it } from 'vitest';

import { addMeasurement, readMeasurements } from '../../src/jobs/measurements.ts';
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
