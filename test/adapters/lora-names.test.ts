import { describe, expect, it } from 'vitest';
import { factorsOf } from '../../src/adapters/low-rank/factors.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import { loraLayerNames } from '../../src/families/stable-diffusion/lora-names.ts';
import { type Naming, readPrunedUnet } from '../helpers/pruned-unets.ts';

/** Names in a LoRA file of all layers of a UNet that are changed, each with what diffusers calls it. */
function namesOf(model: string, naming: Naming): [lora: string, diffusers: string][] {
  const pruned = readPrunedUnet(model);
  const source = pruned.source(naming);
  const config = deriveUnetConfig(source, { numHeads: 4 });
  const names = pruned.weights(naming).map(({ name }) => name);
  const diffusers = pruned.weights('diffusers').map(({ name }) => name);
  const factors = factorsOf(source.tensors, names, { rank: 4, convRank: 2 });
  const lora = loraLayerNames(
    config,
    factors.map(({ layer }) => layer),
  );
  return factors.map(({ layer, weight }) => [
    lora.get(layer)!,
    diffusers[names.indexOf(weight)]!.replace(/\.weight$/, ''),
  ]);
}

describe.each(['bk-sdm-base', 'bk-sdm-small', 'bk-sdm-tiny'])('a LoRA file for %s', (model) => {
  it.each(['consecutive', 'by-level'] as const)(
    "names layers as diffusers does, the checkpoint's blocks numbered %s",
    (naming) => {
      const names = namesOf(model, naming);
      expect(names.length).toBeGreaterThan(70);
      for (const [lora, diffusers] of names) {
        expect(lora).toBe(`lora_unet_${diffusers.replaceAll('.', '_')}`);
      }
      const all = names.map(([lora]) => lora);
      expect(all).toContain('lora_unet_down_blocks_0_downsamplers_0_conv');
      expect(all).toContain('lora_unet_up_blocks_0_upsamplers_0_conv');
      expect(all).toContain('lora_unet_up_blocks_1_resnets_0_conv_shortcut');
    },
  );
});

it("names layers of SDXL by the checkpoint's own keys", () => {
  const names = namesOf('ssd-1b', 'consecutive').map(([lora]) => lora);
  expect(names).toContain('lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k');
  expect(names).toContain('lora_unet_output_blocks_1_1_proj_in');
  expect(names).toContain('lora_unet_input_blocks_1_0_in_layers_2');
  expect(new Set(names).size).toBe(names.length);
});
