import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import type { Checkpoint } from '../families/checkpoint.ts';
import type { EraseJob } from '../erase/job.ts';
import { type EraseSettings, trainingOf } from '../methods/registry.ts';
import { runtimeVersion } from '../runtime/backends.ts';
import type { Device } from '../runtime/device.ts';

/** How fast this machine was at one kind of run. */
const measurementSchema = z.strictObject({
  /** What the speed depends on most: see `measurementKey`. */
  key: z.string(),
  device: z.string(),
  runtime: z.string(),
  /** Work a second, as `RunCost` counts it. */
  rate: z.number().positive(),
});
export type Measurement = z.infer<typeof measurementSchema>;

/** The newest are kept. */
const MAX_MEASUREMENTS = 200;

const fileOf = (dataFolder: string) => path.join(dataFolder, 'cache', 'measurements.json');

/** All measurements, the newest last; none where the file is missing or of another version. */
export async function readMeasurements(dataFolder: string): Promise<Measurement[]> {
  try {
    const text = await readFile(fileOf(dataFolder), 'utf8');
    return z.array(measurementSchema).parse(JSON.parse(text));
  } catch {
    return [];
  }
}

/** Adds a measurement, in place of an older one of the same key. */
export async function addMeasurement(dataFolder: string, added: Measurement): Promise<void> {
  const others = (await readMeasurements(dataFolder)).filter(({ key }) => key !== added.key);
  const file = fileOf(dataFolder);
  const temporaryPath = `${file}.${randomUUID()}.part`;
  await mkdir(path.dirname(file), { recursive: true });
  try {
    const kept = [...others, added].slice(-MAX_MEASUREMENTS);
    await writeFile(temporaryPath, JSON.stringify(kept, null, 1));
    await rename(temporaryPath, file);
  } finally {
    await rm(temporaryPath, { force: true });
  }
}

/**
 * What runs of one speed share: the machine's part, the model's architecture, what is trained and
 * the shape of a batch.
 */
export function measurementKey(
  { architecture }: Checkpoint,
  settings: EraseSettings,
  { device, threads }: Pick<EraseJob, 'threads'> & { device: Device },
): string {
  const digest = createHash('sha256').update(JSON.stringify(architecture)).digest('hex');
  const machine = [device, device === 'cpu' ? threads : 0, runtimeVersion()];
  const training = trainingOf(settings);
  const trained = training ? [training.train, training.batch] : ['nothing', 1];
  return [...machine, digest.slice(0, 16), ...trained, settings.size].join(' ');
}
