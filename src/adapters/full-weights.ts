import { checkpointWeights } from '../families/checkpoint-weights.ts';
import type { Checkpoint } from '../families/checkpoint.ts';
import { readParameters } from '../families/read-parameters.ts';
import { readElements } from '../runtime/read-back.ts';
import type { Adaptation, Adapter } from './adapter.ts';
import { wholeWeights } from './parameters.ts';

/** The weights themselves are trained. */
export const fullWeights: Adapter<unknown> = { fit: fitFullWeights };

/** A checkpoint of which nothing is trained. */
export function asItIs(checkpoint: Checkpoint): Adaptation {
  return fitFullWeights(checkpoint, []);
}

/** @param names of the tensors that are trained, in the checkpoint's own type and shape */
export function fitFullWeights(checkpoint: Checkpoint, names: readonly string[]): Adaptation {
  return {
    parameters: wholeWeights(checkpoint.file.tensors, names),
    strength: null,
    base: null,
    bind(g) {
      const weights = checkpointWeights(g, checkpoint, names);
      return { weights, parameter: (name) => weights.get(name) };
    },
    initial: (into) => readParameters(checkpoint, names, into),
    merged: (parameters) =>
      new Map(names.map((name) => [name, () => readElements(parameters.get(name))])),
  };
}
