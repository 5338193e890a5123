import {
  type DiffusersFolder,
  openDiffusersFolder,
} from './stable-diffusion/diffusers/diffusers-folder.ts';
import { findUnetCopies } from './stable-diffusion/unet-copies.ts';
import { isFolder } from '../checkpoint/output-path.ts';
import { openSafetensors, type SafetensorsFile } from '../checkpoint/safetensors-reader.ts';

/** A model in either of the layouts that hosts take, open for reading. */
export type ModelFiles = SafetensorsFile | DiffusersFolder;

/**
 * Opens a .safetensors file, or the folder of a diffusers model.
 *
 * @throws AppError as `openSafetensors` and `openDiffusersFolder`
 */
export async function openModelFiles(modelPath: string): Promise<ModelFiles> {
  return (await isFolder(modelPath)) ? openDiffusersFolder(modelPath) : openSafetensors(modelPath);
}

/** What a scrubbed model leaves out of a model: groups of tensors, or files by their paths within it. */
export function copiesLeftOut(file: ModelFiles): readonly string[] {
  return file.layout === 'diffusers' ? file.leftOut : findUnetCopies(file.tensors).groups;
}
