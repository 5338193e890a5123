import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { EraseSettings } from '../erase/job.ts';
import { trainedNames } from '../erase/train-sets.ts';
import { elementCount } from '../tensor/shape.ts';

/**
 * A run's state on the disk, in float32: the parameters and the optimizer's moments, and beside them
 * the next state until it is whole; and the parameters that were last found in good health.
 */
export function stateBytes(
  { file }: Pick<Checkpoint, 'file'>,
  { train, optimizer }: EraseSettings,
): number {
  const parameters = trainedNames(file.tensors.keys(), train)
    .map((name) => elementCount(file.tensors.get(name)?.shape ?? []))
    .reduce((sum, count) => sum + count, 0);
  const moments = optimizer.kind === 'sgd' ? 1 : 2;
  return parameters * Float32Array.BYTES_PER_ELEMENT * (2 * (1 + moments) + 1);
}
