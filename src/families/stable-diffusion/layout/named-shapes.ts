import path from 'node:path';

import { AppError } from '../../../errors.ts';
import { isSameShape, type Shape } from '../../../tensor/shape.ts';
import type { TensorTable } from '../../../checkpoint/safetensors-header.ts';

/** A tensor that a model consists of: its key in the checkpoint and its shape. */
export type NamedShape = readonly [name: string, shape: Shape];

/** What a layout is read from: any open safetensors file. */
export interface TensorSource {
  /** Only for messages. */
  readonly path: string;
  readonly tensors: TensorTable;
}

/** Weight [out, in] and bias [out] of a fully connected layer. */
export function* linear(prefix: string, out: number, input: number): Generator<NamedShape> {
  yield [`${prefix}.weight`, [out, input]];
  yield [`${prefix}.bias`, [out]];
}

/** Weight [out, in, kernel, kernel] and bias [out] of a 2-D convolution. */
export function* conv(
  prefix: string,
  out: number,
  input: number,
  kernel: number,
): Generator<NamedShape> {
  yield [`${prefix}.weight`, [out, input, kernel, kernel]];
  yield [`${prefix}.bias`, [out]];
}

/** Weight and bias [channels] of a group or layer normalisation. */
export function* norm(prefix: string, channels: number): Generator<NamedShape> {
  yield [`${prefix}.weight`, [channels]];
  yield [`${prefix}.bias`, [channels]];
}

/**
 * One dimension of a tensor that the layout cannot do without.
 *
 * @throws AppError `checkpoint.damaged` if there is no such tensor, `model.unsupported` if it has
 *   fewer dimensions
 */
export function dimension(source: TensorSource, name: string, axis: number): number {
  const info = source.tensors.get(name);
  if (!info) throw missingTensor(source, name);
  const size = info.shape[axis];
  // Zero-sized weights would make every width derived from them meaningless.
  if (size !== undefined && size > 0) return size;
  throw new AppError(
    'model.unsupported',
    `checkpoint "${path.basename(source.path)}": tensor "${name}" has shape [${info.shape.join(', ')}], which is no Stable Diffusion layer.`,
  );
}

/**
 * Checks that a model's tensors are all there, each of the shape that its layout asks for. Further
 * tensors are no business of the layout.
 *
 * @throws AppError `checkpoint.damaged` for a missing tensor, `model.unsupported` for another shape
 */
export function requireShapes(source: TensorSource, expected: Iterable<NamedShape>): void {
  for (const [name, shape] of expected) {
    const info = source.tensors.get(name);
    if (!info) throw missingTensor(source, name);
    if (!isSameShape(info.shape, shape)) {
      throw new AppError(
        'model.unsupported',
        `checkpoint "${path.basename(source.path)}": tensor "${name}" has shape [${info.shape.join(', ')}], where the rest of the model asks for [${shape.join(', ')}]. This variant of the architecture is not supported.`,
      );
    }
  }
}

/** What a complete copy of a model has and this one has not. */
export function missingTensor(source: TensorSource, name: string): AppError {
  return new AppError(
    'checkpoint.damaged',
    `checkpoint "${path.basename(source.path)}" lacks the tensor "${name}", which its architecture needs. Use a complete copy of the model.`,
  );
}
