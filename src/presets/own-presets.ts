import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { publishFile, syncFolder } from '../checkpoint/atomic-file.ts';
import { asciiSlug, pathExists } from '../checkpoint/output-path.ts';
import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';
import { isShipped, ownPresetsFolder } from './load-presets.ts';
import {
  formatPreset,
  MAX_PRESET_BYTES,
  parsePreset,
  presetNameSchema,
  validatePreset,
  type Preset,
  type PresetDraft,
} from './preset.ts';

/** Leaves room for a number within the 64 characters of a name. */
const MAX_SLUG_CHARACTERS = 56;

/**
 * Saves a new preset of the person's own under a free name made of its title.
 *
 * @throws AppError `preset.invalid`, `output.unwritable`
 */
export async function addPreset(dataFolder: string, draft: PresetDraft): Promise<Preset> {
  const { title } = validatePreset({ ...draft, name: 'new' }, draft.title);
  const slug = asciiSlug(title, MAX_SLUG_CHARACTERS);
  // Not every word is a name for a file: `con` is none on Windows.
  const stem = presetNameSchema.safeParse(slug).success ? slug : 'preset';
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}-${number}`;
    if (await isShipped(name)) continue;
    const preset = validatePreset({ ...draft, name }, title);
    if (await publish(dataFolder, preset)) return preset;
  }
}

/**
 * Puts another preset in the place of one of the person's own.
 *
 * @throws AppError `preset.not-found`, `preset.shipped`, `preset.invalid`, `output.unwritable`
 */
export async function replacePreset(
  dataFolder: string,
  name: string,
  draft: PresetDraft,
): Promise<Preset> {
  const file = await requireOwn(dataFolder, name);
  const preset = validatePreset({ ...draft, name }, name);
  await writeWhole(dataFolder, preset, (temporaryPath) => rename(temporaryPath, file));
  return preset;
}

/**
 * Deletes one of the person's own presets, be it broken.
 *
 * @throws AppError `preset.not-found`, `preset.shipped`, `output.unwritable`
 */
export async function deletePreset(dataFolder: string, name: string): Promise<void> {
  const file = await requireOwn(dataFolder, name);
  await writing(dataFolder, () => rm(file));
}

/**
 * Takes over a preset from its YAML text, wherever that comes from, under the name it holds.
 *
 * @throws AppError `preset.invalid`; `preset.exists`: nothing there is is replaced;
 *   `output.unwritable`
 */
export async function importPreset(dataFolder: string, text: string): Promise<Preset> {
  if (Buffer.byteLength(text) > MAX_PRESET_BYTES) throw tooLong('to import');
  const preset = parsePreset(text, 'to import');
  const { name } = preset;
  if ((await isShipped(name)) || !(await publish(dataFolder, preset))) {
    throw new AppError(
      'preset.exists',
      `there is a preset "${name}" already, and it is not replaced. Change the line "name: ${name}", then import again.`,
    );
  }
  return preset;
}

/** @returns the file of an own preset */
async function requireOwn(dataFolder: string, name: string): Promise<string> {
  // The schema first: what is not a name must not become a path.
  const isName = presetNameSchema.safeParse(name).success;
  const file = path.join(ownPresetsFolder(dataFolder), `${name}.yaml`);
  if (isName && (await pathExists(file))) return file;
  if (isName && (await isShipped(name))) {
    throw new AppError(
      'preset.shipped',
      `preset "${name}" comes with the program and stays as it is. Save a copy of your own, and change that.`,
    );
  }
  throw new AppError('preset.not-found', `there is no preset "${name}" of your own.`);
}

/** @returns false if the name is taken */
async function publish(dataFolder: string, preset: Preset): Promise<boolean> {
  const file = path.join(ownPresetsFolder(dataFolder), `${preset.name}.yaml`);
  let isFree = true;
  await writeWhole(dataFolder, preset, async (temporaryPath) => {
    try {
      await publishFile(temporaryPath, file);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      isFree = false;
    }
  });
  return isFree;
}

/** Writes a preset under a temporary name, which `settle` makes its own. */
async function writeWhole(
  dataFolder: string,
  preset: Preset,
  settle: (temporaryPath: string) => Promise<void>,
): Promise<void> {
  const text = formatPreset(preset);
  if (Buffer.byteLength(text) > MAX_PRESET_BYTES) throw tooLong(preset.name);
  const folder = ownPresetsFolder(dataFolder);
  await writing(dataFolder, async () => {
    await mkdir(folder, { recursive: true });
    // Two presets of one title may be saved at once.
    const temporaryPath = path.join(folder, `${randomUUID()}.part`);
    try {
      const handle = await open(temporaryPath, 'wx');
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await settle(temporaryPath);
      await syncFolder(folder);
    } finally {
      await rm(temporaryPath, { force: true });
    }
  });
}

async function writing(dataFolder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === undefined) throw cause;
    throw new AppError(
      'output.unwritable',
      `your presets in "${ownPresetsFolder(dataFolder)}" cannot be written to (${code}). Make room or give this folder back its rights, or`,
      { cause, remedy: { advice: 'choose another data folder', settings: [{ setting: 'data' }] } },
    );
  }
}

function tooLong(name: string): AppError {
  return new AppError(
    'preset.invalid',
    `preset "${name}" has more than ${MAX_PRESET_BYTES} bytes. Give fewer or shorter prompts.`,
  );
}
