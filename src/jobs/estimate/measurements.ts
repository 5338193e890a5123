import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import type { AdapterSettings } from '../../adapters/settings.ts';
import { replaceFile } from '../../checkpoint/atomic-file.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import type { EraseJob } from '../../erase/job.ts';
import { describeSize } from '../../drawing/drawing.ts';
import { type EraseSettings, type TrainingSettings, trainingOf } from '../../methods/registry.ts';
import { runtimeVersion } from '../../runtime/backends.ts';
import type { Device } from '../../runtime/device.ts';

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

/** Enough to tell keys and architectures apart. */
const DIGEST_CHARACTERS = 16;

/** The newest are kept. */
const MAX_MEASUREMENTS = 200;

/** Every key has a file of its own: two estimates that end at once cannot lose each other's. */
const folderOf = (dataFolder: string) => path.join(dataFolder, 'cache', 'measurements');

/** All measurements, the newest last, without those that cannot be read or are of another version. */
export async function readMeasurements(dataFolder: string): Promise<Measurement[]> {
  const read = await Promise.all((await listFiles(dataFolder)).map(readMeasurement));
  return read.filter((measurement) => measurement !== null);
}

/** Keeps a measurement, in place of an older one of the same key. */
export async function addMeasurement(dataFolder: string, added: Measurement): Promise<void> {
  const folder = folderOf(dataFolder);
  await mkdir(folder, { recursive: true });
  await replaceFile(path.join(folder, `${digestOf(added.key)}.json`), JSON.stringify(added));
  const old = (await listFiles(dataFolder)).slice(0, -MAX_MEASUREMENTS);
  await Promise.all(old.map((file) => rm(file, { force: true })));
}

/** The files of measurements, the newest last. */
async function listFiles(dataFolder: string): Promise<string[]> {
  const folder = folderOf(dataFolder);
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json'));
  const files = await Promise.all(names.map((name) => withTime(path.join(folder, name))));
  return files.sort((a, b) => a.modifiedMs - b.modifiedMs).map(({ file }) => file);
}

async function withTime(file: string): Promise<{ file: string; modifiedMs: number }> {
  // Another process may have removed it meanwhile, as one of the oldest.
  const stats = await stat(file).catch(() => null);
  return { file, modifiedMs: stats?.mtimeMs ?? 0 };
}

async function readMeasurement(file: string): Promise<Measurement | null> {
  try {
    return measurementSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}

const digestOf = (text: string) =>
  createHash('sha256').update(text).digest('hex').slice(0, DIGEST_CHARACTERS);

/**
 * What runs of one speed share: the machine's part, how the model's parts are built, what is trained and
 * the shape of a batch.
 */
export function measurementKey(
  { parts }: Checkpoint,
  settings: EraseSettings,
  { device, threads }: Pick<EraseJob, 'threads'> & { device: Device },
): string {
  const machine = [device, device === 'cpu' ? threads : 0, runtimeVersion()];
  const model = digestOf(JSON.stringify(parts.map(({ name, config }) => [name, config])));
  const training = trainingOf(settings);
  const trained = training
    ? [
        training.train,
        ...adapterKey(training.adapter),
        ...precisionKey(training, device),
        training.batch,
      ]
    : ['nothing', 1];
  return [...machine, model, ...trained, sizeKey(settings)].join(' ');
}

/** One number for a square, as keys have always had it. */
function sizeKey({ width, height }: EraseSettings): string {
  return width === height ? String(width) : describeSize({ width, height });
}

/** What it computes in; nothing on a CPU where that is left to it, as keys have always had it. */
function precisionKey({ computePrecision }: TrainingSettings, device: Device): readonly string[] {
  return computePrecision === 'auto' && device === 'cpu' ? [] : [computePrecision];
}

/** What a step's speed depends on of an adapter; nothing of whole weights, as keys have always had it. */
function adapterKey(adapter: AdapterSettings): readonly (string | number)[] {
  return adapter.kind === 'full' ? [] : [adapter.kind, adapter.rank];
}
