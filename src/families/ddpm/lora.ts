import type { TensorStore } from '../../checkpoint/tensor-store.ts';
import type { LoraConventions, LoraTarget } from '../family.ts';

/** As LoRA files of other models are written; who reads them for this family is this program alone. */
export function loraConventionsOf({ tensors }: Pick<TensorStore, 'tensors'>): LoraConventions {
  return {
    metadata: { 'modelspec.architecture': 'ddpm/lora' },
    layerNames: (layers) => new Map([...layers].map((layer) => [layer, `lora_${keyOf(layer)}`])),
    targets() {
      const weights = [...tensors.values()].filter(
        ({ name, shape }) => name.endsWith('.weight') && shape.length > 1,
      );
      return new Map(
        weights.map(({ name }): [string, LoraTarget] => [
          keyOf(name.slice(0, -'.weight'.length)),
          { tensor: name, rows: null, part: 'denoiser' },
        ]),
      );
    },
  };
}

const keyOf = (layer: string) => `unet_${layer.replaceAll('.', '_')}`;
