import type { TensorTable } from '../checkpoint/safetensors-header.ts';
import type { ParameterSpec } from '../optim/update-graph.ts';
import { factorsOf } from './low-rank/factors.ts';
import type { AdapterSettings } from './settings.ts';

/**
 * What an adapter trains, without what it takes to train it: for whoever only counts.
 *
 * @param names the checkpoint's tensors that may change
 */
export function trainedParameters(
  tensors: TensorTable,
  names: readonly string[],
  adapter: AdapterSettings,
): readonly ParameterSpec[] {
  switch (adapter.kind) {
    case 'full':
      return wholeWeights(tensors, names);
    case 'lora':
      return factorsOf(tensors, names, adapter).flatMap(({ down, up }) => [down, up]);
  }
}

/** @throws RangeError for a name that the checkpoint does not have */
export function wholeWeights(tensors: TensorTable, names: readonly string[]): ParameterSpec[] {
  return names.map((name) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new RangeError(`the model has no tensor "${name}"`);
    return { name, shape: tensor.shape };
  });
}
