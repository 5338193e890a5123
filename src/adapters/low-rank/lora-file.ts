import type { Checkpoint } from '../../families/checkpoint.ts';
import { readElements } from '../../runtime/read-back.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import type { ChangeFile } from '../adapter.ts';
import type { Factors } from './factors.ts';

/**
 * The change alone, in kohya's form, which every web UI reads: for each layer `lora_down.weight`
 * [r, in] (of a convolution [r, in, 1, 1]), `lora_up.weight` [out, r] and `alpha`, without which some
 * readers would count the change another number of times.
 */
export function loraFile(
  { lora }: Checkpoint,
  factors: readonly Factors[],
  { parameters, rank, alpha }: { parameters: TensorSet; rank: number; alpha: number },
): ChangeFile {
  const names = lora.layerNames(factors.map(({ layer }) => layer));
  const entries = factors.flatMap(({ layer, weight, down, up }) => {
    const name = names.get(layer);
    if (name === undefined) throw new RangeError(`LoRA files have no name for "${layer}"`);
    const kernel = weight.shape.slice(2);
    const elements = (of: string) => () => readElements(parameters.get(of));
    return [
      { name: `${name}.alpha`, shape: [], elements: () => Promise.resolve(Float32Array.of(alpha)) },
      {
        name: `${name}.lora_down.weight`,
        shape: [...down.shape, ...kernel],
        elements: elements(down.name),
      },
      {
        name: `${name}.lora_up.weight`,
        shape: [...up.shape, ...kernel],
        elements: elements(up.name),
      },
    ];
  });
  return {
    entries,
    metadata: {
      ...lora.metadata,
      ss_network_module: 'networks.lora',
      ss_network_dim: String(rank),
      ss_network_alpha: String(alpha),
    },
  };
}
