import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { AppError } from '../errors.ts';
import { parsePreset, type Preset } from './preset.ts';

/** Far more than any preset takes. */
const MAX_PRESET_BYTES = 256 * 1024;

/** Where the presets that come with the program are. */
const shippedPresetsFolder = fileURLToPath(new URL('../../presets/', import.meta.url));

/** The folders that presets are read from: the shipped ones, then the person's own. */
export function presetFolders(dataFolder: string): string[] {
  return [shippedPresetsFolder, path.join(dataFolder, 'presets')];
}

/**
 * Every preset in the folders, by name; a later folder's replaces one of the same name. A folder
 * that does not exist holds none.
 *
 * @throws AppError `preset.invalid` naming the file
 */
export async function loadPresets(folders: readonly string[]): Promise<Map<string, Preset>> {
  const presets = new Map<string, Preset>();
  for (const folder of folders) {
    for (const name of await presetNames(folder)) {
      const preset = await loadPreset(folder, name);
      presets.set(preset.name, preset);
    }
  }
  return presets;
}

/**
 * The preset of that name.
 *
 * @throws AppError `preset.not-found`, listing the names there are; `preset.invalid`
 */
export async function findPreset(folders: readonly string[], name: string): Promise<Preset> {
  // By file, not by loading all: a broken preset must not stand in the way of another.
  for (const folder of folders.toReversed()) {
    if ((await presetNames(folder)).includes(name)) return loadPreset(folder, name);
  }
  const known = (await Promise.all(folders.map(presetNames))).flat().sort();
  throw new AppError(
    'preset.not-found',
    `there is no preset "${name}". Presets: ${[...new Set(known)].join(', ')}.`,
  );
}

async function presetNames(folder: string): Promise<string[]> {
  const entries: string[] = await readdir(folder).catch(() => []);
  return entries
    .filter((entry) => entry.endsWith('.yaml'))
    .map((entry) => path.parse(entry).name)
    .sort();
}

async function loadPreset(folder: string, name: string): Promise<Preset> {
  const file = path.join(folder, `${name}.yaml`);
  const { size } = await stat(file);
  if (size > MAX_PRESET_BYTES) {
    throw new AppError(
      'preset.invalid',
      `preset "${file}" has ${size} bytes, more than ${MAX_PRESET_BYTES}: shorten it, or move it away.`,
    );
  }
  const preset = parsePreset(await readFile(file, 'utf8'), file);
  if (preset.name !== name) {
    throw new AppError(
      'preset.invalid',
      `preset "${file}" is named "${preset.name}" inside: it must be "${name}", as its file.`,
    );
  }
  return preset;
}
