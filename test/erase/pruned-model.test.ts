import path from 'node:path';

import { expect, it } from 'vitest';

import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { UNET_PREFIX } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { readProvenance } from '../../src/checkpoint/provenance.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { stepsOfResult } from '../../src/erase/result.ts';
import { copySidecars, missingSidecars } from '../../src/families/single-file/sidecar-files.ts';
import { stableDiffusionFiles } from '../../src/families/stable-diffusion/files.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

/** tiny-sd without the middle of its UNet, as KOALA-700M and small-sd are, with an average of it. */
async function writePrunedModel(original: string, target: string): Promise<void> {
  const file = await openSafetensors(original);
  const kept = [...file.tensors.values()].filter(
    ({ name, dtype }) => dtype !== 'I64' && !name.startsWith(`${UNET_PREFIX}middle_block.`),
  );
  const copies = kept.flatMap((info) => {
    if (!info.name.startsWith(UNET_PREFIX)) return [];
    const flat = info.name.slice('model.'.length).replaceAll('.', '');
    return [{ ...info, name: `model_ema.${flat}`, elements: () => file.readFloat32(info.name) }];
  });
  const entries = kept.map((info) => ({ ...info, elements: () => file.readFloat32(info.name) }));
  await writeTensorFile(target, [...copies, ...entries], {});
  await copySidecars(await missingSidecars(await stableDiffusionFiles.sidecars(original, target)));
  await file.close();
}

it('a pruned model is erased from, and copies of its UNet stay behind', async () => {
  const folder = makeTemporaryFolder();
  const job = await makeTinyJob(folder, { steps: 1, generationSteps: 1, train: 'full' });
  const model = path.join(folder, 'pruned.safetensors');
  await writePrunedModel(job.model.path, model);
  const pruned = { ...job, model: { path: model, sha256: await hashCheckpoint(model) } };
  const events = await runTinyJob(pruned, folder);

  expect(await stepsOfResult(pruned)).toBe(1);
  const notices = events.flatMap((event) => (event.event === 'notice' ? [event.message] : []));
  expect(notices).toEqual([expect.stringContaining('were left out of the result: "model_ema.*"')]);
  const [before, after] = [await openSafetensors(model), await openSafetensors(job.output)];
  expect(readProvenance(after.metadata)).toMatchObject({ dropped: ['model_ema.*'] });
  const names = [...before.tensors.keys()].filter((name) => !name.startsWith('model_ema.'));
  expect([...after.tensors.keys()]).toEqual(names);
  for (const name of names) {
    const isSame =
      Buffer.compare(await before.readTensor(name), await after.readTensor(name)) === 0;
    if (!name.startsWith(UNET_PREFIX)) expect(isSame, name).toBe(true);
    else if (name.includes('attn2.to_k')) expect(isSame, name).toBe(false);
  }
  await Promise.all([before.close(), after.close()]);
}, 120_000);
