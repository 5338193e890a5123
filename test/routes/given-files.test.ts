import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import supertest from 'supertest';
import { expect, it } from 'vitest';

import { uploadsFolderOf } from '../../src/jobs/request/draft-upload.ts';
import { readDraft } from '../../src/jobs/request/job-draft.ts';
import { giveFiles } from '../helpers/give-files.ts';
import { bearer, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyLora } from '../helpers/tiny-lora.ts';

const embedding = 'test/golden/embeddings/sks_style.pt';
const graph = 'presets/tiny-sd/cls-colour.onnx';

function write(name: string, content: string | Uint8Array): string {
  const file = path.join(makeTemporaryFolder(), name);
  writeFileSync(file, content);
  return file;
}
const labels = (count = 8) =>
  write('labels.txt', Array.from({ length: count }, (_, i) => `colour ${i}`).join('\n'));

it('files that were given are listed, and jobs are made with them', async () => {
  const sidecar = await startTestSidecar();
  const lora = await writeTinyLora(write('ink.safetensors', ''));
  const given = async (kind: string, files: Readonly<Record<string, string>>) => {
    const answer = await giveFiles(sidecar, kind, files);
    return [answer.status, (answer.body as { name: string }).name];
  };
  expect(await given('loras', { file: lora })).toEqual([201, 'given/ink.safetensors']);
  expect(await given('loras', { file: lora })).toEqual([201, 'given/ink.safetensors']);
  expect(await given('embeddings', { file: embedding })).toEqual([201, 'given/sks_style.pt']);
  expect(await given('judges', { file: graph, labels: labels() })).toEqual([201, 'cls-colour']);
  expect((await sidecar.api('get', '/loras')).body).toEqual([{ name: 'given/ink.safetensors' }]);
  expect((await sidecar.api('get', '/embeddings')).body).toEqual([
    { name: 'given/sks_style.pt', word: 'sks_style' },
  ]);
  const { id } = await sidecar.create({
    ...{
      model: tinyModel,
      forget: [],
      baseLoras: [{ name: 'given/ink.safetensors', strength: 1 }],
    },
    ...{ embeddings: ['sks_style'], judges: [{ name: 'cls-colour', classes: ['colour 3'] }] },
  });
  const draft = await readDraft(path.join(sidecar.data, 'jobs', id));
  const kept = path.join(sidecar.data, 'loras', 'ink.safetensors');
  expect(draft?.baseLoras).toEqual([{ path: kept, strength: 1 }]);
  expect(draft?.judges.map(({ name, classes }) => [name, classes])).toEqual([
    ['cls-colour', ['colour 3']],
  ]);
  expect(readFileSync(kept).equals(readFileSync(lora))).toBe(true);
});

it('a file that is not of its kind is refused, and nothing is left of it', async () => {
  const sidecar = await startTestSidecar();
  const lora = await writeTinyLora(write('ink.safetensors', ''));
  const refused = async (kind: string, files: Readonly<Record<string, string>>) => {
    const answer = await giveFiles(sidecar, kind, files);
    const { error } = answer.body as { error: { code: string; message: string } };
    return [answer.status, error.code, error.message];
  };
  const says = (text: string): unknown => expect.stringContaining(text);
  const model = 'presets/tiny-sd/tiny-sd.safetensors';
  expect(await refused('loras', { file: model })).toEqual([
    ...[422, 'lora.invalid', says('"tiny-sd.safetensors" is no LoRA')],
  ]);
  expect(await refused('vaes', { file: lora })).toEqual([
    ...[422, 'vae.invalid', says('"ink.safetensors" is no VAE')],
  ]);
  expect(await refused('embeddings', { file: 'test/golden/embeddings/evil.pt' })).toEqual([
    ...[422, 'embedding.invalid', says('is no embedding')],
  ]);
  expect(await refused('loras', { file: write('ink.txt', 'x') })).toEqual([
    ...[422, 'lora.invalid', says('(.safetensors, .sft)')],
  ]);
  expect(await refused('loras', { file: write('.ink.safetensors', 'x') })).toEqual([
    ...[422, 'lora.invalid', says('begins with a dot')],
  ]);
  expect(await refused('judges', { file: graph })).toEqual([
    ...[400, 'usage.invalid', says('the file "labels" is missing')],
  ]);
  expect(await refused('judges', { file: graph, labels: labels(7) })).toEqual([
    ...[422, 'judge.invalid', says('7')],
  ]);
  expect(await refused('judges', { file: write('no.onnx', 'x'), labels: labels() })).toEqual([
    ...[422, 'judge.invalid', says('cannot be opened')],
  ]);
  expect(await refused('loras', { picture: lora })).toEqual([
    ...[400, 'usage.invalid', says('the form holds one file called file')],
  ]);
  expect(readdirSync(uploadsFolderOf(sidecar.data))).toEqual([]);
  for (const kind of ['loras', 'vaes', 'embeddings', 'judges']) {
    expect(existsSync(path.join(sidecar.data, kind)), kind).toBe(false);
  }
});

it('never takes the place of another file, and lies in no folder but its own', async () => {
  const sidecar = await startTestSidecar();
  const first = await writeTinyLora(write('ink.safetensors', ''));
  const other = await writeTinyLora(write('ink.safetensors', ''), 32);
  expect((await giveFiles(sidecar, 'loras', { file: first })).status).toBe(201);
  const { status, text } = await giveFiles(sidecar, 'loras', { file: other });
  expect([status, text]).toEqual([409, expect.stringContaining('file.exists')]);
  const kept = path.join(sidecar.data, 'loras', 'ink.safetensors');
  expect(readFileSync(kept).equals(readFileSync(first))).toBe(true);

  const outside = await supertest(sidecar.url)
    .post('/api/loras')
    .set(bearer)
    .attach('file', first, { filename: '..\\../../models/brush.safetensors' });
  expect(outside.status).toBe(201);
  expect(readdirSync(path.join(sidecar.data, 'loras'))).toEqual([
    'brush.safetensors',
    'ink.safetensors',
  ]);
});
