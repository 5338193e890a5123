import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { ComfyUiHost } from '../../src/hosts/comfyui/comfyui-host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { ModelSwap } from '../../src/hosts/model-swap.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { truncateModel, writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const old = 'old.safetensors';
const scrubbed = 'old-without-it.safetensors';

async function startHost() {
  const data = makeTemporaryFolder();
  const folders = ['first', 'second'].map((name) => path.join(data, name));
  for (const folder of folders) mkdirSync(path.join(folder, 'sub'), { recursive: true });
  const [first = '', second = ''] = folders;
  writeModel(first, old);
  writeModel(second, old);
  writeModel(second, path.join('sub', 'other.safetensors'));
  const fake = await new FakeComfyUi(folders).start();
  const client = new HostClient({ url: fake.server.url, credentials: null }, quickTimeouts);
  const host = new ComfyUiHost(client, data);
  return { first, second, fake, host, swap: new ModelSwap(host, quickTimeouts) };
}

describe('ComfyUI', () => {
  it('has the models of all its folders, those of a name that is taken left out', async () => {
    const { host, first, second } = await startHost();
    expect((await host.listModels()).map(({ name, path: file }) => [name, file])).toEqual([
      [old, path.join(first, old)],
      ['sub/other.safetensors', path.join(second, 'sub/other.safetensors')],
    ]);
  });

  it('draws with a new file to try it, which is then the chosen one, and goes back', async () => {
    const { host, first, fake, swap } = await startHost();
    expect(await host.activeModel()).toBeNull();
    const start = performance.now();
    await swap.toFile(writeModel(first, scrubbed), old);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(await host.activeModel()).toBe(scrubbed);
    await swap.toModel(old, scrubbed);
    expect(await host.activeModel()).toBe(old);
    expect(fake.drawnWith).toEqual([scrubbed, old]);
    // A prompt that was run before would draw nothing.
    const prompts = fake.server.asked.filter(({ path: asked }) => asked === '/prompt');
    expect(new Set(prompts.map(({ body }) => JSON.stringify(body))).size).toBe(2);
  });

  it('keeps the choice if it cannot load the model, and says why', async () => {
    const { host, second, fake, swap } = await startHost();
    await swap.toModel(old, null);
    const other = path.join(second, 'sub/other.safetensors');
    truncateModel(other);
    await expect(swap.toModel('sub/other.safetensors', old)).rejects.toMatchObject({
      code: 'host.swap-failed',
      message: expect.stringMatching(
        /Could not detect model type.* The active model is "old\.safetensors", as before/,
      ) as string,
    });
    expect(await host.activeModel()).toBe(old);
    expect(fake.drawnWith).toEqual([old, old]);
  });

  it('keeps the choice while it is down, and after it died', async () => {
    const { host, first, fake, swap } = await startHost();
    await swap.toModel(old, null);
    const file = writeModel(first, scrubbed);
    fake.server.down();
    await expect(swap.toFile(file, old)).rejects.toMatchObject({ code: 'host.unreachable' });
    expect(await host.activeModel()).toBe(old);
    await fake.server.up();
    fake.server.faults.set('POST /prompt', 'die');
    await expect(swap.toFile(file, old)).rejects.toMatchObject({ code: 'host.unreachable' });
    expect(await host.activeModel()).toBe(old);
  });

  it('gives a prompt up that is never run', async () => {
    const { fake, host, swap } = await startHost();
    await swap.toModel(old, null);
    fake.draw(quickTimeouts.workMs + 500);
    await expect(host.draw(trialPicture())).rejects.toThrow(/has not drawn a picture for 1 s/);
    expect(fake.server.count('POST', '/queue')).toBe(1);
  });

  it('is busy while anything is in its queue, and frees its memory', async () => {
    const { fake, host } = await startHost();
    expect(await host.isBusy()).toBe(false);
    fake.draw(200);
    expect(await host.isBusy()).toBe(true);
    await host.freeMemory();
    expect(fake.server.asked.at(-1)?.body).toEqual({ unload_models: true, free_memory: true });
  });
});
