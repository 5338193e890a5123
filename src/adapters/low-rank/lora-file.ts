import type { Checkpoint } from '../../families/checkpoint.ts';
import { readElements } from '../../runtime/read-back.ts';
import type { TensorSet } from '../../runtime/tensor-set.ts';
import type { ChangeFile } from '../adapter.ts';
import type { Factors } from './factors.ts';
import type { LowRankSettings } from './settings.ts';

/** What a LoRA file is made of. */
interface LoraContent {
  readonly parameters: TensorSet;
  /** α/r of all layers. */
  readonly scale: number;
  readonly settings: LowRankSettings;
}

/**
 * The change alone, in kohya's form, which every web UI reads: for each layer `lora_down.weight`
 * [r, in] (of a convolution [r, in, k, k]), `lora_up.weight` [out, r] and `alpha`, without which some
 * readers would count the change another number of times.
 */
export function loraFile(
  { lora }: Checkpoint,
  factors: readonly Factors[],
  { parameters, scale, settings: { rank, convRank } }: LoraContent,
): ChangeFile {
  const names = lora.layerNames(factors.map(({ layer }) => layer));
  const entries = factors.flatMap(({ layer, rank: ofLayer, down, up }) => {
    const name = names.get(layer);
    if (name === undefined) throw new RangeError(`LoRA files have no name for "${layer}"`);
    const elements = (of: string) => () => readElements(parameters.get(of));
    const alpha = Float32Array.of(scale * ofLayer);
    return [
      { name: `${name}.alpha`, shape: [], elements: () => Promise.resolve(alpha) },
      { name: `${name}.lora_down.weight`, shape: down.shape, elements: elements(down.name) },
      { name: `${name}.lora_up.weight`, shape: up.shape, elements: elements(up.name) },
    ];
  });
  const ofConvolutions = convRank !== null && {
    ss_network_args: JSON.stringify({
      conv_dim: String(convRank),
      conv_alpha: String(scale * convRank),
    }),
  };
  return {
    entries,
    metadata: {
      ...lora.metadata,
      ss_network_module: 'networks.lora',
      ss_network_dim: String(rank),
      ss_network_alpha: String(scale * rank),
      ...ofConvolutions,
    },
  };
}
