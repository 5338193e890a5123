import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { findHosts } from '../../src/hosts/find-hosts.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { HostServer } from '../helpers/host-server.ts';
import { writeModel } from '../helpers/model-files.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

it('web UIs are found, also one that wants a password; other servers and closed ports are not', async () => {
  const dataFolder = makeTemporaryFolder();
  const models = path.join(dataFolder, 'web-ui');
  mkdirSync(models);
  writeModel(models, 'a.safetensors');
  const open = await new FakeA1111(models).start('a.safetensors');
  const locked = await new FakeA1111(models, { credentials: 'me:secret' }).start('a.safetensors');
  const comfyui = await new FakeComfyUi([models]).start();
  const other = await new HostServer(() => Promise.resolve({ status: 404 })).up();
  const closed = await new FakeComfyUi([models]).start();
  closed.server.down();

  const urls = [open, locked, comfyui, { server: other }, closed].map(({ server }) => server.url);
  const found = await findHosts(urls, { credentials: null, dataFolder });
  expect(found.map(({ url, kind, models: count }) => [url, kind, count])).toEqual([
    [open.server.url.href, 'a1111', 1],
    [locked.server.url.href, expect.any(String), 0],
    [comfyui.server.url.href, 'comfyui', 1],
  ]);
  expect(found.map(({ problem }) => problem?.code)).toEqual([
    ...[undefined, 'host.credentials', undefined],
  ]);
});
