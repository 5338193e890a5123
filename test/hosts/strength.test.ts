import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import supertest from 'supertest';
import { expect, it, onTestFinished } from 'vitest';

import { defaultAdapters } from '../../src/adapters/settings.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import type { JobView } from '../../src/contract/job-views.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import type { WantedSettings } from '../../src/methods/registry.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { bearer, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinyLora } from '../helpers/tiny-lora.ts';

const key = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_q.weight';
const adapter = defaultAdapters.lora;

/** A web UI with the tiny model in use, and a job that is done. */
async function erased(settings: WantedSettings) {
  const models = path.join(makeTemporaryFolder(), 'Stable-diffusion');
  cpSync('presets/tiny-sd', models, { recursive: true });
  const fake = await new FakeA1111(models).start(tinyModel);
  mkdirSync(fake.loraFolder);
  const data = makeTemporaryFolder();
  const host = await openHost({
    ...{ kind: 'a1111', url: fake.server.url, credentials: null, modelFolders: [] },
    ...{ dataFolder: data, folder: fake.runsIn, timeouts: quickTimeouts },
  });
  const sidecar = await startTestSidecar({ data, host });
  const { id } = await sidecar.create({ settings: { steps: 2, ...settings } });
  const done = await sidecar.reaches(id, 'done');
  const apply = async (body?: object) => {
    const answer = await supertest(sidecar.url)
      .post(`/api/jobs/${id}/apply`)
      .set(bearer)
      .send(body);
    return { status: answer.status, body: answer.body as JobView & { error: { message: string } } };
  };
  const rollback = async () => (await sidecar.api('post', `/jobs/${id}/rollback`)).body as JobView;
  return { models, fake, sidecar, id, done, apply, rollback };
}

async function firstWeight(file: string): Promise<number> {
  const opened = await openSafetensors(file);
  onTestFinished(() => opened.close());
  return (await opened.readFloat32(key))[0]!;
}

it('a result is used at another strength: merged beside it once, swapped in and rolled back', async () => {
  const { models, fake, sidecar, id, done, apply, rollback } = await erased({
    ...{ adapter, output: 'both' },
  });
  await writeTinyLora(done.lora!.path);
  const result = readFileSync(done.result!.path);
  const taken = path.join(models, 'tiny-sd-without-heart-strength-0.5.safetensors');
  writeFileSync(taken, 'of somebody else');

  const half = await apply({ strength: 0.5 });
  const name = 'tiny-sd-without-heart-strength-0.5-2.safetensors';
  expect(half.body).toMatchObject({
    merged: [{ strength: 0.5, model: name, path: path.join(models, name), isActive: true }],
    result: { isActive: false },
    rollbackTo: tinyModel,
  });
  expect(half.body.merged[0]!.remark).toMatch(/loses .* of the change by rounding/);
  expect(fake.drawsWith).toBe(name);
  expect(readFileSync(taken, 'utf8')).toBe('of somebody else');
  expect(readFileSync(done.result!.path).equals(result)).toBe(true);
  const original = await firstWeight(path.join(models, tinyModel));
  expect(await firstWeight(path.join(models, name))).toBeCloseTo(original + 0.5 * 0.5, 3);

  expect((await apply({ strength: 0.5 })).status).toBe(409);
  expect((await sidecar.api('delete', `/jobs/${id}?model=true`)).status).toBe(409);
  expect(await rollback()).toMatchObject({ rollbackTo: null, merged: [{ isActive: false }] });
  expect(fake.drawsWith).toBe(tinyModel);

  const files = readdirSync(models).length;
  await apply({ strength: 0.5 });
  expect(fake.drawsWith).toBe(name);
  expect(readdirSync(models)).toHaveLength(files);
  await apply({ strength: 1 });
  expect(fake.drawsWith).toBe('tiny-sd-without-heart.safetensors');
  const none = await apply({ strength: 0 });
  const copy = none.body.merged.find(({ strength }) => strength === 0)!.path;
  expect(readFileSync(copy).equals(readFileSync(path.join(models, tinyModel)))).toBe(true);
  await rollback();
  await rollback();
  await rollback();
  expect((await sidecar.api('delete', `/jobs/${id}?model=true`)).status).toBe(204);
  expect(existsSync(copy)).toBe(false);
  expect(existsSync(taken)).toBe(true);
});

it('a LoRA alone becomes a checkpoint among the models where a strength is chosen', async () => {
  const { models, fake, apply, rollback } = await erased({ ...{ adapter, output: 'lora' } });
  const name = 'tiny-sd-without-heart-strength-1.safetensors';
  expect((await apply({ strength: 1 })).body).toMatchObject({
    ...{ result: { kind: 'lora', isActive: false }, rollbackTo: tinyModel },
    merged: [{ path: path.join(models, name), isActive: true }],
  });
  expect(fake.drawsWith).toBe(name);
  expect(await rollback()).toMatchObject({ rollbackTo: null, lora: { usedAt: null } });
  expect(fake.drawsWith).toBe(tinyModel);
  // Without one it is put into the folder of LoRAs, as ever.
  expect((await apply()).body).toMatchObject({ result: { kind: 'lora', isActive: true } });
});

it('a strength that is none, or of whole weights, is refused', async () => {
  const { apply } = await erased({ adapter: { kind: 'full' } });
  for (const strength of [-1, 11, 'half', null]) {
    expect((await apply({ strength })).status, String(strength)).toBe(400);
  }
  const refused = await apply({ strength: 0.5 });
  expect(refused.status).toBe(409);
  expect(refused.body.error.message).toMatch(/has no LoRA file/);
  expect((await apply({ strength: 1 })).status).toBe(200);
});
