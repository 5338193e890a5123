import { existsSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { readProvenance } from '../../src/checkpoint/provenance.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyVae, writeTinyWithoutVae } from '../helpers/tiny-sd-parts.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

const changed = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_q.weight';
const layer = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q';
const word = 'cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight';

/** A LoRA that adds 0.5 to every entry of a weight of the UNet and of the text encoder, both [64, 64]. */
async function writeLora(file: string): Promise<string> {
  const filled = (value: number) => () => Promise.resolve(new Float32Array(64).fill(value));
  const ofLayer = (name: string) => [
    { name: `${name}.lora_down.weight`, shape: [1, 64], elements: filled(0.5) },
    { name: `${name}.lora_up.weight`, shape: [64, 1], elements: filled(1) },
  ];
  const encoder = 'lora_te_text_model_encoder_layers_0_self_attn_q_proj';
  await writeTensorFile(file, [...ofLayer(layer), ...ofLayer(encoder)], {});
  return file;
}

it('a model without a VAE and with LoRAs is erased from with both, and has the LoRAs in its result', async () => {
  const folder = makeTemporaryFolder();
  const model = await writeTinyWithoutVae(folder);
  const vae = await writeTinyVae(path.join(folder, 'vae.safetensors'));
  const lora = await writeLora(path.join(folder, 'style.safetensors'));
  const file = async (at: string) => ({ path: at, sha256: await hashCheckpoint(at) });
  const job = {
    ...(await makeTinyJob(path.join(folder, 'job'), { method: 'uce', evaluationPictures: 1 })),
    model: await file(model),
    vae: await file(vae),
    baseLoras: [{ ...(await file(lora)), strength: 0.5 }],
  };
  const events = await runTinyJob(job, path.join(folder, 'job'));
  const [notice] = events.flatMap((event) => (event.event === 'notice' ? [event.message] : []));
  expect(notice).toMatch(/"style.safetensors" in its weights.*loses .* of the change/);
  expect(events.some(({ event }) => event === 'evaluation')).toBe(true);

  const [before, after] = [await openSafetensors(model), await openSafetensors(job.output)];
  expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()]);
  for (const name of [changed, word]) {
    const [original, result] = [await before.readFloat32(name), await after.readFloat32(name)];
    for (const [i, value] of result.entries())
      expect(value).toBeCloseTo((original[i] ?? 0) + 0.25, 3);
  }
  expect(readProvenance(after.metadata)).toMatchObject({
    originalSha256: job.model.sha256,
    vae: { name: 'vae.safetensors', sha256: job.vae.sha256 },
    baseLoras: [{ name: 'style.safetensors', strength: 0.5, sha256: job.baseLoras[0]?.sha256 }],
  });
  await before.close();
  await after.close();
  expect(existsSync(path.join(folder, 'job/state/base/no-vae.safetensors'))).toBe(true);
}, 120_000);
