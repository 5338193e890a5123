import type { TensorTable } from '../checkpoint/safetensors-header.ts';
import type { ParameterSpec } from '../optim/update-graph.ts';
import { factorsOf, linearWeights } from './low-rank/factors.ts';
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
      return names.map((name) => ({ name, shape: tensors.get(name)?.shape ?? [] }));
    case 'lora':
      return linearWeights(tensors, names).flatMap((weight) => {
        const { down, up } = factorsOf(weight, adapter.rank);
        return [down, up];
      });
  }
}
