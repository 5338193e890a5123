import { copyFileSync, cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

import supertest from 'supertest';
import { expect, it } from 'vitest';

import type { EmbeddingView } from '../../src/contract/views.ts';
import { readDraft } from '../../src/jobs/request/job-draft.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { bearer, startTestSidecar } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyLora } from '../helpers/tiny-lora.ts';

const files = path.resolve('test/golden/embeddings');

/** Folders as web UIs have them: tiny-sd, LoRAs of which one does not fit, and embeddings. */
async function makeFolders() {
  const root = makeTemporaryFolder();
  const [models, loras, embeddings] = ['Stable-diffusion', 'Lora', 'embeddings'].map((name) =>
    path.join(root, name),
  ) as [string, string, string];
  cpSync('presets/tiny-sd', models, { recursive: true });
  mkdirSync(loras);
  mkdirSync(embeddings);
  await writeTinyLora(path.join(loras, 'ink.safetensors'));
  await writeTinyLora(path.join(loras, 'large.safetensors'), 32);
  copyFileSync(path.join(files, 'sks_style.pt'), path.join(embeddings, 'sks_style.pt'));
  copyFileSync(path.join(files, 'kohya.safetensors'), path.join(embeddings, 'kohya.safetensors'));
  return { root, models, loras, embeddings };
}
type Folders = Awaited<ReturnType<typeof makeFolders>>;

async function a1111({ root, models }: Folders, variant: 'a1111' | 'forge-neo' | 'sdnext') {
  const fake = await new FakeA1111(models, { variant }).start('tiny-sd');
  return openHost({
    ...{ kind: 'a1111', url: fake.server.url, credentials: null, modelFolders: [] },
    ...{ folder: root, dataFolder: makeTemporaryFolder() },
  });
}

async function comfyUi({ models, loras, embeddings }: Folders) {
  const fake = await new FakeComfyUi([models], [loras]).start();
  fake.embeddingFolders = [embeddings];
  const { url } = fake.server;
  return openHost({
    ...{ kind: 'comfyui', url, credentials: null, modelFolders: [] },
    dataFolder: makeTemporaryFolder(),
  });
}

function standalone({ models, loras, embeddings }: Folders) {
  return openHost({
    ...{ kind: 'standalone', url: null, credentials: null },
    ...{ modelFolders: [models, loras, embeddings], dataFolder: makeTemporaryFolder() },
  });
}

const hosts = {
  a1111: (folders: Folders) => a1111(folders, 'a1111'),
  'forge-neo': (folders: Folders) => a1111(folders, 'forge-neo'),
  sdnext: (folders: Folders) => a1111(folders, 'sdnext'),
  comfyui: comfyUi,
  standalone,
};

it.each(Object.entries(hosts))(
  'a job is made with the LoRAs and embeddings that %s lists',
  async (kind, open) => {
    const folders = await makeFolders();
    const { url, api, create, data } = await startTestSidecar({ host: await open(folders) });
    const namesAt = async (route: string) =>
      ((await api('get', route)).body as { name: string }[]).map(({ name }) => name);
    const ending = kind === 'comfyui' || kind === 'standalone' ? '.safetensors' : '';
    expect(await namesAt('/loras')).toEqual([`ink${ending}`, `large${ending}`]);
    const words = (await api('get', '/embeddings')).body as EmbeddingView[];
    expect(words).toContainEqual(expect.objectContaining({ word: 'kohya' }));
    if (kind !== 'comfyui') {
      expect(words).toContainEqual({ name: 'sks_style', word: 'sks_style' });
    }
    const model = (await namesAt('/models')).find((name) => name.startsWith('tiny-sd'))!;
    const estimate = (change: object) =>
      supertest(url)
        .post('/api/estimate')
        .set(bearer)
        .send({ model, device: 'cpu', settings: { method: 'uce' }, ...change });

    const unknown = await estimate({ forget: ['a heart'], baseLoras: [{ name: 'brush' }] });
    expect([unknown.status, unknown.text]).toEqual([
      422,
      expect.stringMatching(/there is no LoRA \\"brush\\".*under “LoRAs on top”/),
    ]);
    const unfit = await estimate({ forget: ['a heart'], baseLoras: [{ name: 'large' }] });
    expect([unfit.status, unfit.text]).toEqual([422, expect.stringContaining('large.safetensors')]);

    // By a file's name in any form, as jobs of before call it.
    const baseLoras = [{ name: 'ink.safetensors', strength: 0.5 }];
    const view = await create({
      ...{ model, forget: [], retain: ['a star'], baseLoras, embeddings: ['kohya.safetensors'] },
    });
    expect(view.forget.map(({ prompt }) => prompt)).toContain('a photo of kohya');
    expect(view.companions).toEqual([]);
    const folder = path.join(data, 'jobs', view.id);
    const draft = await readDraft(folder);
    expect(draft?.baseLoras).toEqual([
      { path: path.join(folders.loras, 'ink.safetensors'), strength: 0.5 },
    ]);
    expect(draft?.embeddings).toEqual([path.join(folder, 'embeddings', 'kohya.safetensors')]);
  },
  60_000,
);

it('a job says what it is run with, and an embedding is the word of a preset', async () => {
  const folders = await makeFolders();
  const { url, create, reaches } = await startTestSidecar({ host: await standalone(folders) });
  const preset = { preset: 'artist-style-quick', forget: [], retain: [], settings: {} };
  const { body: estimate } = (await supertest(url)
    .post('/api/estimate')
    .set(bearer)
    .send({
      model: 'tiny-sd.safetensors',
      device: 'cpu',
      ...preset,
      embeddings: ['sks_style'],
    })) as {
    body: { forget: { prompt: string }[] };
  };
  expect(estimate.forget[0]?.prompt).toContain('sks_style');
  const baseLoras = [{ name: 'ink.safetensors', strength: 0.5 }];
  const { id } = await create({ ...preset, baseLoras, embeddings: ['sks_style'] });
  const { companions, forget, state } = await reaches(id, 'done', 'failed');
  expect([state, forget[0]?.prompt]).toEqual(['done', expect.stringContaining('sks_style')]);
  expect(companions.map(({ title, text }) => `${title}: ${text}`)).toEqual([
    'LoRA: ink.safetensors at 0.5',
    'Embedding: sks_style.pt',
  ]);
  expect(companions.map(({ kind, name, strength }) => [kind, name, strength])).toEqual([
    ['lora', 'ink.safetensors', 0.5],
    ['embedding', 'sks_style.pt', null],
  ]);
}, 60_000);
