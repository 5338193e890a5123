import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { mergedTensors } from '../../src/adapters/low-rank/merged-tensors.ts';
import { countedChanges, readLora } from '../../src/adapters/low-rank/read-lora.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyFamily } from '../helpers/tiny-families.ts';

const filled = (value: number, length: number) => new Float32Array(length).fill(value);

/** How files call layers, with the tensor of the checkpoint and which third of its rows it is. */
const cases = {
  sd2: [
    [
      'lora_te_text_model_encoder_layers_0_self_attn_k_proj',
      'cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight',
      1,
    ],
    [
      'lora_te_text_model_encoder_layers_1_mlp_fc1',
      'cond_stage_model.model.transformer.resblocks.1.mlp.c_fc.weight',
      null,
    ],
    [
      'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k',
      'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight',
      null,
    ],
  ],
  sdxl: [
    [
      'lora_te2_text_model_encoder_layers_0_self_attn_v_proj',
      'conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight',
      2,
    ],
    [
      'lora_te1_text_model_encoder_layers_0_self_attn_out_proj',
      'conditioner.embedders.0.transformer.text_model.encoder.layers.0.self_attn.out_proj.weight',
      null,
    ],
    [
      'text_encoder.encoder.layers.0.mlp.fc2',
      'conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc2.weight',
      null,
    ],
  ],
} as const;

it.each(['sd2', 'sdxl'] as const)('a LoRA finds its layers in a %s in one file', async (family) => {
  const folder = makeTemporaryFolder();
  const checkpoint = await openCheckpoint(await writeTinyFamily(folder, family));
  onTestFinished(() => checkpoint.file.close());
  const file = path.join(folder, 'lora.safetensors');
  const entries = cases[family].flatMap(([layer, tensor, third]) => {
    const [rows = 0, columns = 0] = checkpoint.file.tensors.get(tensor)!.shape;
    const outputs = third === null ? rows : rows / 3;
    const entry = (part: string, shape: number[]) => ({
      ...{ name: `${layer}.${part}`, shape },
      elements: () => Promise.resolve(filled(0.5, shape[0]! * shape[1]!)),
    });
    return [entry('lora_down.weight', [1, columns]), entry('lora_up.weight', [outputs, 1])];
  });
  await writeTensorFile(file, entries, {});
  const lora = await readLora(file, checkpoint);
  const merged = mergedTensors(checkpoint, countedChanges(lora, 2));
  expect([...merged.keys()].sort()).toEqual(cases[family].map(([, tensor]) => tensor).sort());
  for (const [, tensor, third] of cases[family]) {
    const before = await checkpoint.file.readFloat32(tensor);
    const after = await merged.get(tensor)!();
    const of = (part: number) => Math.floor((3 * part) / before.length);
    const expected = before.map(
      (value, i) => value + (third === null || of(i) === third ? 0.5 : 0),
    );
    expect(relativeError(after, expected), tensor).toBeLessThan(1e-6);
  }
});
