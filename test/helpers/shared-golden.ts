import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { deriveUnetConfig, type UnetHeads } from '../../src/checkpoint/layout/unet-layout.ts';
import { openSafetensors, type SafetensorsFile } from '../../src/checkpoint/safetensors-reader.ts';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts';

/**
 * The large reference vectors made with the original PyTorch implementations lie beside the
 * repository, not in it.
 */
const folder = path.resolve(import.meta.dirname, '../../../shared/golden');

/** Why tests of the large vectors cannot run, or null where they can. */
export const goldenAbsence = existsSync(folder)
  ? null
  : `no ${folder}: the large reference vectors are not part of the repository`;

export function openGolden(name: string): Promise<SafetensorsFile> {
  return openSafetensors(path.join(folder, `${name}.safetensors`));
}

export function readGoldenTable(name: string): unknown {
  return JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'));
}

/** A file that holds a UNet alone, as a checkpoint whose other parts must not be asked for. */
export async function openGoldenUnet(name: string, heads: UnetHeads): Promise<Checkpoint> {
  const file = await openGolden(name);
  const architecture = { unet: deriveUnetConfig(file, heads) } as Checkpoint['architecture'];
  return { file, architecture, ldmConfig: undefined };
}
