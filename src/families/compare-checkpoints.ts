import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { AppError } from '../errors.ts';
import type { Remedy } from '../remedy.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TensorStore } from '../checkpoint/tensor-store.ts';

const advice = 'Give a model and the one that was made from it.';

/**
 * Refuses two checkpoints that cannot be told apart or held against each other by their pictures.
 * Reads both files in pieces, each model up to its first difference.
 *
 * @throws AppError `model.mismatch` for different architectures or VAEs, `model.identical`
 */
export async function requireComparable(before: Checkpoint, after: Checkpoint): Promise<void> {
  requireSameArchitecture(before, after);
  if (!(await drawAlike(before, after))) {
    throw new AppError(
      'model.mismatch',
      `${namesOf(before, after)} have different VAEs, so their latents mean different pictures. ${advice}`,
    );
  }
  for (const { shapes } of before.parts) {
    if (!(await isSameModel(before, after, shapes))) return;
  }
  throw new AppError(
    'model.identical',
    `${namesOf(before, after)} hold the same weights: nothing was erased from one to the other. ${advice}`,
  );
}

/** Whether what encodes and draws is the same in both. */
async function drawAlike(before: Checkpoint, after: Checkpoint): Promise<boolean> {
  const [first, second] = [before.codec.source, after.codec.source];
  if (!first || !second || first.file.path === second.file.path) return true;
  return (
    isDeepStrictEqual(first.part.config, second.part.config) &&
    (await isSameModel(first, second, first.part.shapes))
  );
}

function namesOf(before: Checkpoint, after: Checkpoint): string {
  return `"${path.basename(before.file.path)}" and "${path.basename(after.file.path)}"`;
}

/** One model in two states has the same tensors, to be run in the same way. */
function requireSameArchitecture(before: Checkpoint, after: Checkpoint): void {
  const names = namesOf(before, after);
  const [first, second] = [shapesOf(before), shapesOf(after)];
  for (const name of [...first.keys(), ...second.keys()]) {
    const [shape, other] = [first.get(name), second.get(name)];
    if (isDeepStrictEqual(shape, other)) continue;
    throw new AppError(
      'model.mismatch',
      `${names} are different architectures: tensor "${name}" is ${describe(shape)} in the first and ${describe(other)} in the second. ${advice}`,
    );
  }
  for (const [i, { name, config }] of before.parts.entries()) {
    if (!isDeepStrictEqual(config, after.parts[i]?.config)) throw differentSettings(names, name);
  }
  if (isDeepStrictEqual(before.process, after.process)) return;
  throw differentSettings(names, 'diffusion', {
    advice: 'Or say what they predict',
    settings: [{ setting: 'prediction' }],
  });
}

function differentSettings(names: string, part: string, remedy?: Remedy): AppError {
  return new AppError(
    'model.mismatch',
    `${names} hold the same tensors, but their settings differ (${part}): the config of one must be the other's too. ${advice}`,
    { remedy },
  );
}

function shapesOf({ parts }: Checkpoint): Map<string, Shape> {
  return new Map(parts.flatMap(({ shapes }) => [...shapes]));
}

function describe(shape: Shape | undefined): string {
  return shape ? `[${shape.join(', ')}]` : 'missing';
}

async function isSameModel(
  before: { readonly file: TensorStore },
  after: { readonly file: TensorStore },
  shapes: ReadonlyMap<string, Shape>,
): Promise<boolean> {
  for (const name of shapes.keys()) {
    if (!(await isSameTensor(before.file, after.file, name))) return false;
  }
  return true;
}

async function isSameTensor(
  before: TensorStore,
  after: TensorStore,
  name: string,
): Promise<boolean> {
  const [first, second] = [before.tensors.get(name), after.tensors.get(name)];
  if (!first || !second) return first === second;
  if (first.dtype !== second.dtype) {
    const values = await after.readFloat32(name);
    return (await before.readFloat32(name)).every((value, i) => value === values[i]);
  }
  const others = after.chunks(name);
  for await (const chunk of before.chunks(name)) {
    const other = await others.next();
    if (other.done || Buffer.compare(chunk, other.value) !== 0) return false;
  }
  return true;
}
