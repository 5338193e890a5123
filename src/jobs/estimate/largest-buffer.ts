import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { replaceFile } from '../../checkpoint/atomic-file.ts';
import { runtimeVersion } from '../../runtime/backends.ts';
import type { Device } from '../../runtime/device.ts';
import { probeLargestBuffer } from '../../runtime/probe-buffer.ts';

const answerSchema = z.object({ runtime: z.string(), bytes: z.number().positive() });

/**
 * The largest buffer in bytes that a device takes; null for one that sets no bound but its memory. Tried once for each
 * version of the runtime and kept in the data folder: who changes the graphics card deletes `cache/buffers` there.
 */
export async function largestBufferOf(
  device: Device,
  dataFolder: string,
  probe: (device: Device) => Promise<number> = probeLargestBuffer,
): Promise<number | null> {
  if (device !== 'webgpu') return null;
  const file = path.join(dataFolder, 'cache', 'buffers', `${device}.json`);
  const runtime = runtimeVersion();
  const kept = await readAnswer(file);
  if (kept?.runtime === runtime) return kept.bytes;
  const bytes = await probe(device);
  await mkdir(path.dirname(file), { recursive: true });
  await replaceFile(file, JSON.stringify({ runtime, bytes }));
  return bytes;
}

async function readAnswer(file: string): Promise<z.infer<typeof answerSchema> | null> {
  try {
    return answerSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return null;
  }
}
