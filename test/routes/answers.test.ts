import { writeFileSync } from 'node:fs';
import path from 'node:path';

import supertest from 'supertest';
import { expect, it } from 'vitest';

import { routes } from '../../routes/index.ts';
import type { Knowledge } from '../../src/contract/knowledge.ts';
import type { PresetView } from '../../src/contract/views.ts';
import { answeredRoutes } from '../helpers/check-answers.ts';
import { giveFiles } from '../helpers/give-files.ts';
import { bearer, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { writeTinyLora } from '../helpers/tiny-lora.ts';
import { writeTinyVae } from '../helpers/tiny-sd-parts.ts';

// `startTestSidecar` holds every answer of every test to its route's schema; here each route answers.

it('every route answers as it says', async () => {
  const sidecar = await startTestSidecar();
  const { api, url } = sidecar;
  const send = async (method: 'post' | 'put', path: string, body: object) => {
    const answer = await supertest(url)[method](`/api${path}`).set(bearer).send(body);
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer.body as unknown;
  };
  const lists = [
    '/health',
    '/manifest',
    '/devices',
    '/models',
    '/vaes',
    '/loras',
    '/embeddings',
    '/judges',
    '/presets',
    '/preset-faults',
    '/jobs',
    '/workers',
    '/openapi.json',
  ];
  for (const path of lists) await api('get', path);
  await send('post', '/suggestions', { model: tinyModel, forget: ['a heart'] });
  const asked = { model: tinyModel, forget: ['a heart'], retain: ['a star'], device: 'cpu' };
  await send('post', '/estimate', { ...asked, settings: { steps: 2 } });

  const about = { model: tinyModel, prompts: ['a heart'], concept: 'heart', device: 'cpu' };
  const question = (await send('post', '/knowledge', about)) as Knowledge;
  await api('get', `/knowledge/${question.id}`);
  await api('post', `/knowledge/${question.id}/cancel`);

  const give = async (kind: string, files: Readonly<Record<string, string>>) => {
    const { status, text } = await giveFiles(sidecar, kind, files);
    expect([status, text]).toEqual([201, expect.stringContaining('"name"')]);
  };
  await give('loras', { file: await writeTinyLora(path.join(sidecar.data, 'ink.safetensors')) });
  await give('embeddings', { file: 'test/golden/embeddings/sks_style.pt' });
  const vae = path.join(sidecar.data, 'bright.safetensors');
  await writeTinyVae(vae);
  await give('vaes', { file: vae });
  const labels = path.join(sidecar.data, 'colours.txt');
  writeFileSync(labels, 'red orange yellow green cyan blue purple pink'.split(' ').join('\n'));
  await give('judges', { file: 'presets/tiny-sd/cls-colour.onnx', labels });

  const { id } = await sidecar.create({ judges: [{ name: 'tiny-style', classes: ['photo'] }] });
  await api('post', `/jobs/${id}/cancel`);
  await sidecar.reaches(id, 'cancelled');
  await api('post', `/jobs/${id}/resume`);
  await sidecar.reaches(id, 'done');
  for (const path of [`/jobs/${id}`, `/jobs/${id}/metrics`, '/jobs']) await api('get', path);
  await send('post', `/jobs/${id}/attacks`, { kinds: ['context'] });
  await api('get', `/jobs/${id}/attacks`);
  await api('post', `/jobs/${id}/attacks/cancel`);
  await api('post', `/jobs/${id}/apply`);
  await api('post', `/jobs/${id}/rollback`);
  const { isOwn, needsImages, name, ...draft } = (await send('post', `/jobs/${id}/preset`, {
    title: 'Hearts',
  })) as PresetView;
  expect([isOwn, needsImages]).toEqual([true, false]);
  await send('put', `/presets/${name}`, { ...draft, title: 'No hearts' });
  await send('post', '/presets', { ...draft, title: 'Other hearts' });

  const yaml = `models: ${tinyModel}\nconcepts: [{ name: ring, forget: a ring }]`;
  await send('post', '/sweeps', { name: 'rings', yaml });
  await send('put', '/sweeps/rings', { yaml });
  for (const action of ['cancel', 'start', 'cancel']) await api('post', `/sweeps/rings/${action}`);
  for (const path of ['/sweeps', '/sweeps/rings']) await api('get', path);

  // Those of LoRAs need a web UI: test/hosts/loras.test.ts.
  const inJson = routes.filter(
    ({ answer, path }) => answer.type === 'application/json' && !path.endsWith('-lora'),
  );
  expect([...answeredRoutes].sort()).toEqual(
    inJson.map(({ method, path }) => `${method} ${path}`).sort(),
  );
}, 300_000);
