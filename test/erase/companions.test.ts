import { existsSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { readProvenance } from '../../src/checkpoint/provenance.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyLora } from '../helpers/tiny-lora.ts';
import { writeTinyVae, writeTinyWithoutVae } from '../helpers/tiny-sd-parts.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

const changed = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_q.weight';
const word = 'cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight';

it('a model without a VAE and with LoRAs is erased from with both, and has the LoRAs in its result', async () => {
  const folder = makeTemporaryFolder();
  const model = await writeTinyWithoutVae(folder);
  const vae = await writeTinyVae(path.join(folder, 'vae.safetensors'));
  const lora = await writeTinyLora(path.join(folder, 'style.safetensors'));
  const file = async (at: string) => ({ path: at, sha256: await hashCheckpoint(at) });
  const job = {
    ...(await makeTinyJob(path.join(folder, 'job'), {
      method: 'uce',
      evaluationPictures: 1,
      metadata: 'full',
    })),
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
