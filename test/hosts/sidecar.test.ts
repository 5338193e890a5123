import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import type { JobHistory, JobView } from '../../src/contract/job-views.ts';
import type { ModelView } from '../../src/contract/views.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { jobFolderOf, startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

const scrubbed = 'tiny-sd-without-heart.safetensors';
const shipped = path.resolve('presets/tiny-sd');

/** A sidecar with a web UI that has the tiny model in use, and another one. */
async function start() {
  const models = path.join(makeTemporaryFolder(), 'models');
  mkdirSync(models);
  cpSync(shipped, models, { recursive: true });
  writeModel(models, 'other.safetensors');
  const fake = await new FakeA1111(models).start(tinyModel);
  const data = makeTemporaryFolder();
  const host = await openHost({
    ...{ kind: 'a1111', url: fake.server.url, credentials: null, modelFolders: [] },
    ...{ dataFolder: data, timeouts: quickTimeouts },
  });
  const sidecar = await startTestSidecar({ data, host });
  const act = async (id: string, action: 'apply' | 'rollback') => {
    const answer = await sidecar.api('post', `/jobs/${id}/${action}`);
    const body = answer.body as JobView & { error: { code: string } | null };
    return { status: answer.status, body };
  };
  const view = async (id: string) => (await sidecar.api('get', `/jobs/${id}`)).body as JobView;
  return { models, fake, sidecar, act, view };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Waits as long as a list is good for. */
const listIsOld = () => new Promise((resolve) => setTimeout(resolve, 1100));

/** A job that is done. */
async function erase({ sidecar }: Awaited<ReturnType<typeof start>>): Promise<JobView> {
  const { id } = await sidecar.create();
  return sidecar.reaches(id, 'done');
}

describe('a sidecar with a web UI', () => {
  it('lists its models, writes beside the original, and swaps both ways', async () => {
    const setup = await start();
    const { sidecar, models, fake, act } = setup;
    const before = (await sidecar.api('get', '/models')).body as ModelView[];
    expect(before.map(({ name, isActive }) => [name, isActive])).toEqual([
      ['other.safetensors', false],
      [tinyModel, true],
    ]);
    const { id, result } = await erase(setup);
    expect(result).toMatchObject({ path: path.join(models, scrubbed), isActive: false });

    const applied = await act(id, 'apply');
    expect(applied.body).toMatchObject({
      rollbackTo: tinyModel,
      result: { model: scrubbed, isActive: true },
    });
    expect(fake.drawsWith).toBe(scrubbed);
    const refused = await sidecar.api('delete', `/jobs/${id}?model=true`);
    expect(refused.body).toMatchObject({ error: { code: 'model.active' } });

    const back = await act(id, 'rollback');
    expect(back.body).toMatchObject({ rollbackTo: null, result: { isActive: false } });
    expect(fake.drawsWith).toBe(tinyModel);
    expect((await sidecar.api('delete', `/jobs/${id}?model=true`)).status).toBe(204);
  });

  it('takes the diffusers folders of SD.Next as models, from erasing to deleting', async () => {
    const models = path.join(makeTemporaryFolder(), 'Diffusers');
    writeTinySdFolder(path.join(models, 'someone--tiny-1.5'));
    const fake = await new FakeA1111(models, { variant: 'sdnext' }).start('someone--tiny-1.5');
    const data = makeTemporaryFolder();
    const host = await openHost({
      ...{ kind: 'a1111', url: fake.server.url, credentials: null, modelFolders: [] },
      ...{ dataFolder: data, folder: fake.runsIn, timeouts: quickTimeouts },
    });
    const { api, create, reaches } = await startTestSidecar({ data, host });
    const model = 'Diffusers/someone--tiny-1.5';
    const listed = (await api('get', '/models')).body as ModelView[];
    expect(listed).toMatchObject([{ name: model, isActive: true, architecture: 'SD 1.x' }]);
    expect(listed[0]?.refusal).toBeNull();

    const { id } = await create({ model });
    const { result } = await reaches(id, 'done');
    const output = path.join(models, 'someone--tiny-1.5-without-heart');
    expect(result).toMatchObject({ path: output, isActive: false });
    expect(result?.bytes).toBeGreaterThan(18e6);
    expect((await api('post', `/jobs/${id}/apply`)).body).toMatchObject({
      rollbackTo: model,
      result: { model: `${model}-without-heart`, isActive: true },
    });
    expect(fake.drawsWith).toBe('someone--tiny-1.5-without-heart');
    expect((await api('post', `/jobs/${id}/rollback`)).status).toBe(200);
    expect(fake.drawsWith).toBe('someone--tiny-1.5');
    expect((await api('delete', `/jobs/${id}?model=true`)).status).toBe(204);
    expect(readdirSync(models)).toEqual(['someone--tiny-1.5']);
  });

  it('does its jobs and shows them while the web UI is down, and swaps when it is back', async () => {
    const setup = await start();
    const { sidecar, fake, act, view } = setup;
    const { id } = await sidecar.create();
    fake.server.down();
    await sidecar.reaches(id, 'done');
    expect((await sidecar.api('get', '/jobs')).body).toHaveLength(1);
    const health = (await sidecar.api('get', '/health')).body as unknown;
    expect(health).toMatchObject({ host: { kind: 'a1111', reachable: false } });
    for (const asked of [
      sidecar.api('get', '/models'),
      sidecar.api('post', `/jobs/${id}/apply`),
      sidecar.api('delete', `/jobs/${id}?model=true`),
    ]) {
      const answer = await asked;
      expect(answer.status).toBe(503);
      expect(answer.body).toMatchObject({ error: { code: 'host.unreachable' } });
    }
    await fake.server.up();
    expect((await act(id, 'apply')).status).toBe(200);
    // Down after the swap: the way back stays.
    fake.server.down();
    expect((await act(id, 'rollback')).status).toBe(503);
    expect(await view(id)).toMatchObject({ rollbackTo: tinyModel, result: { isActive: true } });
    await fake.server.up();
    expect((await act(id, 'rollback')).status).toBe(200);
    expect(fake.drawsWith).toBe(tinyModel);
  });

  it('has the old model and no way back to show when a swap fails', async () => {
    const setup = await start();
    const { fake, act, view } = setup;
    const { id } = await erase(setup);
    fake.unloadable.add(scrubbed);
    const { status, body } = await act(id, 'apply');
    expect([status, body.error?.code]).toEqual([502, 'host.swap-failed']);
    expect(fake.drawsWith).toBe(tinyModel);
    expect(await view(id)).toMatchObject({ rollbackTo: null, result: { isActive: false } });
    fake.unloadable.clear();
    expect((await act(id, 'apply')).status).toBe(200);
  });

  it('rolls back to the original when the active scrubbed model was deleted by hand', async () => {
    const setup = await start();
    const { fake, act, view } = setup;
    const { id, result } = await erase(setup);
    await act(id, 'apply');
    rmSync(result?.path ?? '');
    await listIsOld();
    expect(await view(id)).toMatchObject({ rollbackTo: tinyModel, result: null });
    expect((await act(id, 'apply')).body.error?.code).toBe('model.not-found');
    expect((await act(id, 'rollback')).body).toMatchObject({ rollbackTo: null, result: null });
    expect(fake.drawsWith).toBe(tinyModel);
  });

  it('answers while the web UI hangs', async () => {
    const setup = await start();
    const { sidecar, fake, view } = setup;
    const { id } = await erase(setup);
    for (const route of ['options', 'sd-models']) {
      fake.server.faults.set(`GET /sdapi/v1/${route}`, 'hang');
    }
    await listIsOld();
    const began = performance.now();
    expect((await view(id)).state).toBe('done');
    expect(performance.now() - began).toBeLessThan(2000);
    expect((await sidecar.api('get', '/models')).status).toBe(503);
  });

  it('waits with a GPU job until the web UI has drawn, and borrows its memory', async () => {
    const setup = await start();
    const { sidecar, fake, act, view } = setup;
    const { id } = await sidecar.create({ forget: ['slowly a heart'], settings: { steps: 20 } });
    await sidecar.reaches(id, 'training');
    await sidecar.api('post', `/jobs/${id}/cancel`);
    while ((await view(id)).state !== 'cancelled') await soon();
    // There need be no GPU: the training process of these tests works on nothing.
    const job = path.join(jobFolderOf(sidecar, id), 'job.yaml');
    writeFileSync(job, readFileSync(job, 'utf8').replace('device: cpu', 'device: webgpu'));
    const end = new AbortController();
    const drawing = fake.draw(once(end.signal, 'abort'));
    await sidecar.api('post', `/jobs/${id}/resume`);
    const isTold = async () => {
      const history = (await sidecar.api('get', `/jobs/${id}/metrics`)).body as JobHistory;
      return history.log.some(({ message }) => message.includes('is drawing pictures'));
    };
    while (!(await isTold())) await soon();
    expect((await view(id)).state).toBe('preparing');
    expect(fake.isInGraphicsMemory).toBe(true);
    end.abort();
    await drawing;
    await sidecar.reaches(id, 'training');
    expect(fake.isInGraphicsMemory).toBe(false);
    await sidecar.reaches(id, 'done');
    const applied = await act(id, 'apply');
    expect(applied.body.result).toMatchObject({ isActive: true });
    expect(fake.isInGraphicsMemory).toBe(true);
  });
});
