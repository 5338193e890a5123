import path from 'node:path';

import { isFolder } from '../checkpoint/output-path.ts';
import { openTensors } from '../checkpoint/open-tensors.ts';
import { openSafetensors } from '../checkpoint/safetensors-reader.ts';
import { AppError } from '../errors.ts';
import type { Family } from './family.ts';
import type { ModelFiles } from './model-files.ts';
import { families, findFamily } from './registry.ts';

/**
 * Opens a .safetensors file, or the folder of a diffusers model.
 *
 * @throws AppError as `openSafetensors` and the families' `openFolder`; `checkpoint.not-safetensors` for a
 *   folder that is no model
 */
export async function openModelFiles(modelPath: string): Promise<ModelFiles> {
  if (!(await isFolder(modelPath))) return openSafetensors(modelPath);
  const family = await familyOfFolder(modelPath);
  if (family) return family.files.openFolder(modelPath);
  throw new AppError(
    'checkpoint.not-safetensors',
    `"${path.resolve(modelPath)}" is a folder without model_index.json, so it is not a diffusers model. Give one .safetensors file, or the folder that has model_index.json.`,
  );
}

/** The family that a folder is a model of; undefined where it is none. */
export async function familyOfFolder(folder: string): Promise<Family | undefined> {
  for (const family of families) {
    if (await family.files.holdsFolder(folder)) return family;
  }
  return undefined;
}

/** The family that a single file belongs to, by its header; undefined for others, and what cannot be read. */
export async function familyOfFile(filePath: string): Promise<Family | undefined> {
  const file = await openTensors(filePath).catch(() => null);
  await file?.close();
  return file ? findFamily(file.tensors) : undefined;
}

/** What a scrubbed model leaves out of a model: groups of tensors, or files by their paths within it. */
export function copiesLeftOut(file: ModelFiles): readonly string[] {
  if (file.layout === 'diffusers') return file.leftOut;
  return findFamily(file.tensors)?.files.copiesIn(file.tensors).groups ?? [];
}
