import path from 'node:path';

import type { TensorStore } from '../checkpoint/tensor-store.ts';
import { AppError } from '../errors.ts';
import type { Family } from './family.ts';
import { describeOtherFile } from './other-files.ts';
import { ddpm } from './ddpm/family.ts';
import { stableDiffusion } from './stable-diffusion/family.ts';

/** Every family, in the order that they are asked about a folder; a new one is a line here. */
export const families: readonly Family[] = [ddpm, stableDiffusion];

/** The family that opens a file, by its tensors; undefined where none does. */
export function findFamily(tensors: TensorStore['tensors']): Family | undefined {
  return families.find((family) => family.recognise(tensors) !== null);
}

/**
 * The family that a model belongs to.
 *
 * @throws AppError `model.unsupported` with what the file is instead
 */
export function familyOf({
  path: modelPath,
  tensors,
}: Pick<TensorStore, 'path' | 'tensors'>): Family {
  const family = findFamily(tensors);
  if (family) return family;
  const { explanation } = describeOtherFile(tensors);
  throw new AppError('model.unsupported', `"${path.basename(modelPath)}" ${explanation}.`);
}
