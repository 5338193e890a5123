import { mkdirSync } from 'node:fs';
import path from 'node:path';

import supertest from 'supertest';
import { expect, it } from 'vitest';

import type { VaeView } from '../../src/contract/views.ts';
import type { Host } from '../../src/hosts/host.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { bearer, startTestSidecar } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyVae, writeTinyWithoutVae } from '../helpers/tiny-sd-parts.ts';

const job = { forget: ['a heart'], retain: ['a star'], device: 'cpu', settings: { method: 'uce' } };

/** Folders as web UIs have them: a model without a VAE, and a VAE. */
async function makeFolders() {
  const root = makeTemporaryFolder();
  const [models, vaes] = [path.join(root, 'Stable-diffusion'), path.join(root, 'VAE')];
  for (const folder of [models, vaes]) mkdirSync(folder);
  await writeTinyWithoutVae(models);
  return { models, vaes, vae: await writeTinyVae(path.join(vaes, 'own.vae.safetensors')) };
}

/** A sidecar over the host, what it lists, and what it answers to a job of the model without a VAE. */
async function ask(host: Host, change: object = {}) {
  const { url, api } = await startTestSidecar({ host });
  const { body: models } = (await api('get', '/models')) as unknown as {
    body: { name: string; hasVae: boolean; refusal: string | null }[];
  };
  const model = models.find(({ name }) => name.includes('no-vae'));
  const estimate = await supertest(url)
    .post('/api/estimate')
    .set(bearer)
    .send({ ...job, model: model?.name, ...change });
  return { model, vaes: (await api('get', '/vaes')).body as VaeView[], estimate };
}

const open = (
  kind: 'a1111' | 'comfyui' | 'standalone',
  url: URL | null,
  modelFolders: string[] = [],
) =>
  openHost({
    ...{ kind, url, credentials: null, modelFolders },
    dataFolder: makeTemporaryFolder(),
  });

it.each(['a1111', 'forge'] as const)(
  'the VAE that %s draws with is taken',
  async (variant) => {
    const { models, vae } = await makeFolders();
    const fake = await new FakeA1111(models, { variant }).start('no-vae');
    const encoder = path.join(models, '../text_encoder/clip_l.safetensors');
    // Forge lists them among the others.
    fake.vaes = { 'own.vae.safetensors': vae, ...(variant === 'forge' && { clip_l: encoder }) };
    fake.vae = 'own.vae.safetensors';
    const { model, vaes, estimate } = await ask(await open('a1111', fake.server.url));
    expect(model).toMatchObject({ hasVae: false, refusal: null });
    expect(vaes).toEqual([{ name: 'own.vae.safetensors', isChosen: true }]);
    expect(estimate.status, estimate.text).toBe(200);
  },
  60_000,
);

it('of ComfyUI and of folders one has to be chosen, and the refusal says where', async () => {
  const { models, vaes: folder } = await makeFolders();
  const comfy = await new FakeComfyUi([models]).start();
  comfy.vaeFolders = [folder];
  for (const [host, name] of [
    [await open('comfyui', comfy.server.url), 'own.vae.safetensors'],
    [await open('standalone', null, [models, folder]), 'own.vae.safetensors'],
  ] as const) {
    const { vaes, estimate } = await ask(host);
    expect(vaes).toEqual([{ name, isChosen: false }]);
    expect([estimate.status, estimate.text]).toEqual([
      422,
      expect.stringMatching(/holds no VAE.*Give yours under “VAE”/),
    ]);
    expect((await ask(host, { vae: name })).estimate.status).toBe(200);
    expect((await ask(host, { vae: '../x' })).estimate.text).toContain('there is no VAE');
  }
}, 120_000);

it('the VAE of the last workflow in ComfyUI that has a checkpoint is taken', async () => {
  const { models, vaes: folder } = await makeFolders();
  const comfy = await new FakeComfyUi([models]).start();
  comfy.vaeFolders = [folder];
  const workflow = (loader: object, vae: string) => ({
    '1': { class_type: 'Loader', inputs: { ...loader } },
    '2': { class_type: 'VAELoader', inputs: { vae_name: vae } },
    '3': { class_type: 'VAEDecode', inputs: { samples: ['9', 0], vae: ['2', 0] } },
  });
  comfy.ran = [
    workflow({ unet_name: 'flux.safetensors' }, 'ae.safetensors'),
    { '1': { class_type: 'Loader', inputs: { ckpt_name: 'whole.safetensors' } } },
    workflow({ ckpt_name: 'no-vae.safetensors' }, 'own.vae.safetensors'),
  ];
  const { vaes, estimate } = await ask(await open('comfyui', comfy.server.url));
  expect(vaes).toEqual([{ name: 'own.vae.safetensors', isChosen: true }]);
  expect(estimate.status, estimate.text).toBe(200);
}, 60_000);
