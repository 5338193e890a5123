import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { decodeText } from '../decode-text.ts';
import { AppError } from '../errors.ts';
import { packageFolder } from '../package-folder.ts';
import { MAX_PRESET_BYTES, parsePreset, type Preset } from './preset.ts';

/** Where the presets that come with the program are. */
const shippedPresetsFolder = path.join(packageFolder, 'presets');

/** Where the person's own presets are. */
export function ownPresetsFolder(dataFolder: string): string {
  return path.join(dataFolder, 'presets');
}

/** The folders that presets are read from: the shipped ones, then the person's own. */
export function presetFolders(dataFolder: string): string[] {
  return [shippedPresetsFolder, ownPresetsFolder(dataFolder)];
}

/** Whether a preset of that name comes with the program. */
export async function isShipped(name: string): Promise<boolean> {
  return (await presetNames(shippedPresetsFolder)).includes(name);
}

/** All presets there are; one that cannot be used hides no other. */
export interface PresetList {
  readonly presets: readonly ListedPreset[];
  readonly faults: readonly PresetFault[];
}

export interface ListedPreset {
  readonly preset: Preset;
  /** The person's own: may be changed and deleted. */
  readonly isOwn: boolean;
}

/** A file that is no preset. */
export interface PresetFault {
  /** The file's name without `.yaml`. */
  readonly name: string;
  readonly message: string;
}

/**
 * Every preset, the shipped ones and then the person's own, by name; an own one takes the place of a
 * shipped one of the same name. A folder that does not exist holds none.
 */
export async function listPresets(dataFolder: string): Promise<PresetList> {
  const presets = new Map<string, ListedPreset>();
  const faults: PresetFault[] = [];
  for (const folder of presetFolders(dataFolder)) {
    for (const name of await presetNames(folder)) {
      try {
        const preset = await loadPreset(folder, name);
        presets.set(name, { preset, isOwn: folder !== shippedPresetsFolder });
      } catch (error) {
        faults.push({ name, message: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  return { presets: [...presets.values()], faults };
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

/** What each file held when it was read: a page asks for all of them, and YAML takes its time. */
const parsed = new Map<string, { readonly version: string; readonly preset: Preset }>();

async function loadPreset(folder: string, name: string): Promise<Preset> {
  const file = path.join(folder, `${name}.yaml`);
  const { size, mtimeMs, ino } = await stat(file);
  // A file is written under another name first, so that a changed one is another one.
  const version = `${ino} ${mtimeMs} ${size}`;
  const known = parsed.get(file);
  if (known?.version === version) return known.preset;
  if (size > MAX_PRESET_BYTES) {
    throw new AppError(
      'preset.invalid',
      `preset "${file}" has ${size} bytes, more than ${MAX_PRESET_BYTES}: shorten it, or move it away.`,
    );
  }
  const preset = parsePreset(decodePreset(await readFile(file), file), file);
  if (preset.name !== name) {
    throw new AppError(
      'preset.invalid',
      `preset "${file}" is named "${preset.name}" inside: it must be "${name}", as its file.`,
    );
  }
  parsed.set(file, { version, preset });
  return preset;
}

/**
 * The text of a preset, as `decodeText` reads it.
 *
 * @param name for messages
 * @throws AppError `preset.invalid`
 */
export function decodePreset(bytes: Uint8Array, name: string): string {
  try {
    return decodeText(bytes);
  } catch (cause) {
    throw new AppError('preset.invalid', `preset "${name}" ${(cause as Error).message}.`, {
      cause,
    });
  }
}
