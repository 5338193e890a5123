import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { type HostOptions, openHost } from '../../src/hosts/open-host.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { HostServer } from '../helpers/host-server.ts';
import { writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const model = 'a.safetensors';

function makeModels(): { models: string; dataFolder: string } {
  const dataFolder = makeTemporaryFolder();
  const models = path.join(dataFolder, 'web-ui');
  mkdirSync(models);
  writeModel(models, model);
  return { models, dataFolder };
}

const open = (
  url: URL | null,
  dataFolder: string,
  { credentials = null, folder = null }: Partial<Pick<HostOptions, 'credentials' | 'folder'>> = {},
) =>
  openHost({
    ...{ kind: null, url, credentials, folder, dataFolder, modelFolders: [] },
    timeouts: quickTimeouts,
  });

describe('the host', () => {
  it('is none where there is no address', async () => {
    expect((await open(null, makeTemporaryFolder())).kind).toBe('standalone');
  });

  it.each([
    ['a1111', 'AUTOMATIC1111 or a relative'],
    ['forge', 'Forge'],
    ['forge-neo', 'Forge Neo'],
    ['sdnext', 'SD.Next'],
  ] as const)('is found out to be %s', async (variant, name) => {
    const { models, dataFolder } = makeModels();
    const { server, runsIn } = await new FakeA1111(models, { variant }).start(model);
    const host = await open(server.url, dataFolder, { folder: runsIn });
    expect(await host.listModels()).toHaveLength(1);
    expect([host.kind, await host.name()]).toEqual(['a1111', name]);
    expect(await host.draw(trialPicture())).toMatchObject({
      model: variant === 'sdnext' ? 'a' : model,
    });
  });

  it.each(['a1111', 'sdnext'] as const)(
    'has no active model before the first choice in %s',
    async (variant) => {
      const { models, dataFolder } = makeModels();
      const { server, runsIn } = await new FakeA1111(models, { variant }).start('none');
      const host = await open(server.url, dataFolder, { folder: runsIn });
      expect(await host.activeModel()).toBeNull();
    },
  );

  it('is asked once more where it closed the connection, unless that could do something twice', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeA1111(models).start(model);
    const host = await open(server.url, dataFolder);
    expect(await host.listModels()).toHaveLength(1);
    server.faults.set('GET /sdapi/v1/progress', 'close');
    expect(await host.isBusy()).toBe(false);
    server.faults.set('POST /sdapi/v1/txt2img', 'close');
    await expect(host.draw(trialPicture())).rejects.toMatchObject({ code: 'host.unreachable' });
    expect(server.count('POST', '/sdapi/v1/txt2img')).toBe(1);
  });

  it('is asked for its folder where it names its models by paths from there', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeA1111(models, { variant: 'sdnext' }).start(model);
    const host = await open(server.url, dataFolder);
    await expect(host.listModels()).rejects.toThrow(
      /such as "web-ui\/a.safetensors"\. Give that folder to the sidecar with --host-folder\./,
    );
  });

  it('is found out to be ComfyUI', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeComfyUi([models]).start();
    const host = await open(server.url, dataFolder);
    expect(await host.listModels()).toMatchObject([{ name: model }]);
    expect(host.kind).toBe('comfyui');
  });

  it('may start after the sidecar', async () => {
    const { models, dataFolder } = makeModels();
    const fake = await new FakeA1111(models).start(model);
    fake.server.down();
    const host = await open(fake.server.url, dataFolder);
    expect([host.kind, await host.isReachable()]).toEqual(['unknown', false]);
    await expect(host.listModels()).rejects.toMatchObject({ code: 'host.unreachable' });
    await fake.server.up();
    expect([await host.isReachable(), host.kind]).toEqual([true, 'a1111']);
    expect(await host.activeModel()).toBe(model);
  });

  it('was started without its API, and says so', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeA1111(models, { hasApi: false }).start(model);
    await expect((await open(server.url, dataFolder)).listModels()).rejects.toThrow(/Add --api/);
  });

  it('is let in with the credentials of its API', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeA1111(models, { credentials: 'me:se:cret' }).start(model);
    const host = await open(server.url, dataFolder, { credentials: 'me:se:cret' });
    expect(await host.listModels()).toHaveLength(1);
    const other = await open(server.url, dataFolder);
    await expect(other.listModels()).rejects.toMatchObject({ code: 'host.credentials' });
  });

  it('is something else, and says so', async () => {
    const { url } = await new HostServer(() => Promise.resolve({ body: '<html>' })).up();
    await expect((await open(url, makeTemporaryFolder())).listModels()).rejects.toThrow(
      /is neither ComfyUI nor AUTOMATIC1111's web UI/,
    );
  });

  it('answers nonsense, and is not believed', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeA1111(models).start(model);
    const host = await open(server.url, dataFolder);
    server.faults.set('GET /sdapi/v1/sd-models', { body: { models: [] } });
    await expect(host.listModels()).rejects.toThrow(
      /answers \/sdapi\/v1\/sd-models with something/,
    );
  });

  it('runs on another machine, and says so', async () => {
    const { models, dataFolder } = makeModels();
    const { server } = await new FakeA1111(models).start(model);
    const filename = path.join(dataFolder, 'elsewhere', model);
    server.faults.set('GET /sdapi/v1/sd-models', {
      body: [{ title: model, model_name: 'a', hash: null, sha256: null, filename }],
    });
    await expect((await open(server.url, dataFolder)).listModels()).rejects.toThrow(
      /elsewhere", which is not on this machine/,
    );
  });

  it('is below a path of its own', async () => {
    const { url } = await new HostServer(({ path: asked }) =>
      Promise.resolve(asked === '/sub/sdapi/v1/sd-models' ? { body: [] } : { status: 404 }),
    ).up();
    const host = await openHost({
      ...{ kind: 'a1111', url: new URL('sub', url), credentials: null, modelFolders: [] },
      ...{ dataFolder: makeTemporaryFolder(), timeouts: quickTimeouts },
    });
    expect(await host.listModels()).toEqual([]);
  });
});
