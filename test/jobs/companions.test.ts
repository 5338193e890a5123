import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import { requireResumable } from '../../src/jobs/local/run-job.ts';
import { draftJob, type EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { prepareJob } from '../../src/jobs/request/prepare-job.ts';
import { presetFolders } from '../../src/presets/load-presets.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyVae, writeTinyWithoutVae } from '../helpers/tiny-sd-parts.ts';

const embedding = path.resolve('test/golden/embeddings/sks_style.pt');

const request: EraseRequest = {
  model: path.resolve('presets/tiny-sd/tiny-sd.safetensors'),
  ...{ preset: 'artist-style-quick', variables: {} },
  ...{ forget: [], forgetImages: undefined, retain: [], retainImages: undefined },
  ...{ anchor: undefined, concept: undefined, settings: {}, embeddings: [embedding] },
  ...{ device: 'cpu', threads: 1, output: undefined },
};

it('an embedding is a preset’s word, and lies in the job’s folder; a moved VAE is told of', async () => {
  const data = makeTemporaryFolder();
  const vae = await writeTinyVae(path.join(data, 'vae.safetensors'));
  const environment = {
    ...{ dataFolder: data, presetFolders: presetFolders(data) },
    chooseDevice: () => Promise.resolve('cpu' as const),
  };
  const model = await writeTinyWithoutVae(data);
  const { draft, job } = await prepareJob({ ...request, model, vae }, environment);
  expect(draft.concept).toBe('sks_style');
  for (const { prompt, anchor } of job.forget) {
    expect([prompt.includes('sks_style'), anchor.includes('sks_style')], prompt).toEqual([
      true,
      false,
    ]);
  }
  const folder = await new FolderRepository(data).addPrepared(draft, job);
  const [copy] = folder.job.embeddings;
  expect(copy?.path).toBe(path.join(folder.path, 'embeddings/sks_style.pt'));
  expect(readFileSync(copy?.path ?? '').equals(readFileSync(embedding))).toBe(true);

  await expect(requireResumable(folder)).resolves.toBeUndefined();
  renameSync(vae, `${vae}.moved`);
  await expect(requireResumable(folder)).rejects.toThrow(/vae\.safetensors" \(VAE\).*Put it back/);
  writeFileSync(vae, readFileSync(embedding));
  await expect(requireResumable(folder)).rejects.toThrow(/\(VAE\) is not the file that job/);
});

it('the web UI is not asked to draw what it does not have', async () => {
  const environment = { dataFolder: makeTemporaryFolder(), presetFolders: presetFolders('') };
  const drafted = await draftJob({ ...request, pictures: 'auto' }, environment);
  expect(drafted.pictures).toBe('sidecar');
  await expect(draftJob({ ...request, pictures: 'host' }, environment)).rejects.toThrow(
    /web UI cannot draw the pictures with the LoRAs and embeddings/,
  );
});
