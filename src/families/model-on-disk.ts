import { rename, rm, stat } from 'node:fs/promises';

import { temporaryFolderOf } from '../checkpoint/atomic-file.ts';
import { openTensors } from '../checkpoint/open-tensors.ts';
import { listFolder } from './folder/folder-files.ts';
import { familyOfFile, familyOfFolder } from './open-model-files.ts';
import { describeOtherFile, type OtherFamily } from './other-files.ts';
import { findFamily } from './registry.ts';
import { isFolder } from '../checkpoint/output-path.ts';

/** What a list of models tells of one without opening it. */
export interface ModelSize {
  readonly bytes: number;
  /** When it was last written, in ms since 1970. */
  readonly modifiedMs: number;
}

/** Whether a path is a folder that holds one model. */
export async function isModelFolder(modelPath: string): Promise<boolean> {
  return (await familyOfFolder(modelPath)) !== undefined;
}

/** What else than a model a file is, by the names of its tensors; null for a model, or what cannot be read. */
export async function otherFileAt(filePath: string): Promise<OtherFamily | null> {
  if (await isFolder(filePath)) return null;
  const file = await openTensors(filePath).catch(() => null);
  if (!file) return null;
  const { tensors } = file;
  await file.close();
  return findFamily(tensors) ? null : describeOtherFile(tensors).family;
}

/** Size and age of a model's file or folder; null where there is neither. */
export async function measureModel(modelPath: string): Promise<ModelSize | null> {
  const status = await stat(modelPath).catch(() => null);
  if (status?.isFile()) return { bytes: status.size, modifiedMs: status.mtimeMs };
  if (!status?.isDirectory() || !(await isModelFolder(modelPath))) return null;
  // A folder that goes while it is looked at, or that holds too much for one model.
  const files = await listFolder(modelPath).catch(() => []);
  if (files.length === 0) return null;
  return {
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    modifiedMs: Math.max(...files.map(({ modifiedMs }) => modifiedMs)),
  };
}

/** Deletes a model with the configs that are called after it. */
export async function removeModel(modelPath: string): Promise<void> {
  if (await isFolder(modelPath)) {
    // Hosts must not see half of it.
    const hidden = temporaryFolderOf(modelPath);
    await rename(modelPath, hidden);
    await rm(hidden, { recursive: true });
    return;
  }
  const family = await familyOfFile(modelPath);
  await rm(modelPath);
  for (const config of family?.files.namedAfter(modelPath) ?? []) await rm(config, { force: true });
}
