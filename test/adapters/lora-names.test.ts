import { describe, expect, it } from 'vitest';
import { linearWeights } from '../../src/adapters/low-rank/factors.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import { loraLayerNames } from '../../src/families/stable-diffusion/lora-names.ts';
import { type Naming, readPrunedUnet } from '../helpers/pruned-unets.ts';

/** Names in a LoRA file of all linear layers of a UNet, in the order of its weights. */
function namesOf(model: string, naming: Naming): string[] {
  const pruned = readPrunedUnet(model);
  const source = pruned.source(naming);
  const config = deriveUnetConfig(source, { numHeads: 4 });
  const weights = linearWeights(
    source.tensors,
    pruned.weights(naming).map(({ name }) => name),
  );
  const layers = weights.map(({ name }) => name.replace(/\.weight$/, ''));
  return [...loraLayerNames(config, layers).values()];
}

describe.each(['bk-sdm-base', 'bk-sdm-small', 'bk-sdm-tiny'])('a LoRA file for %s', (model) => {
  it("names layers as diffusers does, however the checkpoint's blocks are numbered", () => {
    const pruned = readPrunedUnet(model);
    const { tensors } = pruned.source('diffusers');
    const keys = pruned.weights('diffusers').map(({ name }) => name);
    const expected = linearWeights(tensors, keys).map(
      ({ name }) => `lora_unet_${name.replace(/\.weight$/, '').replaceAll('.', '_')}`,
    );
    expect(expected.length).toBeGreaterThan(50);
    expect(namesOf(model, 'consecutive')).toEqual(expected);
    expect(namesOf(model, 'by-level')).toEqual(expected);
  });
});

it("names layers of SDXL by the checkpoint's own keys", () => {
  const names = namesOf('ssd-1b', 'consecutive');
  expect(names).toContain('lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k');
  expect(names).toContain('lora_unet_output_blocks_1_1_proj_in');
  expect(new Set(names).size).toBe(names.length);
});
