import type { Checkpoint } from '../../families/checkpoint.ts';
import { int8BaseOf } from '../../adapters/low-rank/int8-base.ts';
import { trainedParameters } from '../../adapters/parameters.ts';
import { type EraseSettings, methodOf, requireTraining } from '../../methods/registry.ts';
import { elementCount } from '../../tensor/shape.ts';

/**
 * A run's state on the disk, in float32: the parameters and what else the method's trainer needs, and
 * beside them the next state until it is whole; and the parameters that were last found in good health.
 * Beside it the weights in 8 bits, where there are any.
 */
export function stateBytes(checkpoint: Checkpoint, settings: EraseSettings): number {
  const method = methodOf(settings);
  // Weights that are changed as they are written are changed again.
  if (method.uses === 'weights') return 0;
  const { train, adapter } = requireTraining(settings);
  const { file, groups } = checkpoint;
  const parameters = trainedParameters(file.tensors, groups.namesOf(train), adapter)
    .map(({ shape }) => elementCount(shape))
    .reduce((sum, count) => sum + count, 0);
  const sets = 1 + method.stateSets(settings).length;
  const base = adapter.kind === 'lora' ? int8BaseOf(checkpoint, adapter, '') : null;
  return parameters * Float32Array.BYTES_PER_ELEMENT * (2 * sets + 1) + (base?.bytes ?? 0);
}
