import path from 'node:path';

import type { TensorStore } from '../checkpoint/tensor-store.ts';
import { AppError } from '../errors.ts';
import type { Family } from './family.ts';
import { stableDiffusion } from './stable-diffusion/family.ts';
import { recognize } from './stable-diffusion/recognize.ts';

/** Every family; a new one is a line here. */
export const families: readonly Family[] = [stableDiffusion];

/**
 * The family that a model belongs to.
 *
 * @throws AppError `model.unsupported` with what the file is instead
 */
export function familyOf({
  path: modelPath,
  tensors,
}: Pick<TensorStore, 'path' | 'tensors'>): Family {
  const family = families.find((other) => other.recognise(tensors) !== null);
  if (family) return family;
  const recognition = recognize(tensors);
  const explanation = recognition.kind === 'other' ? recognition.explanation : '';
  throw new AppError('model.unsupported', `"${path.basename(modelPath)}" ${explanation}.`);
}
