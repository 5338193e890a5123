import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { ModelSwap } from '../../src/hosts/model-swap.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { truncateModel, writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const old = 'old.safetensors';
const scrubbed = 'old-without-it.safetensors';

type Options = ConstructorParameters<typeof FakeA1111>[1] & { readonly auth?: string };

/** A web UI with two models, and a third one that it has not seen yet. */
async function startHost({ auth, ...options }: Options = {}) {
  const folder = mkdtempSync(path.join(makeTemporaryFolder(), 'models-'));
  writeModel(folder, old);
  writeModel(folder, 'other.safetensors');
  const suffix = options.variant === 'sdnext' ? '' : '.safetensors';
  const fake = await new FakeA1111(folder, options).start(old);
  const client = new HostClient({ url: fake.server.url, credentials: auth ?? null }, quickTimeouts);
  const host = new A1111Host(client, fake.runsIn);
  const file = writeModel(folder, scrubbed);
  return {
    ...{ folder, file, fake, host },
    swap: new ModelSwap(host, quickTimeouts),
    back: `old${suffix}`,
    /** Where the file is listed for certain. */
    refreshed: async () => {
      await host.refresh();
      return (await host.listModels()).map(({ name }) => name);
    },
  };
}

describe('a swap', () => {
  it.each(['a1111', 'forge', 'forge-neo', 'sdnext'] as const)(
    'makes a new file the model of a running %s, and goes back',
    async (variant) => {
      const { swap, fake, file, back, host } = await startHost({ variant });
      await swap.toFile(file, back);
      expect(fake.drawsWith).toBe(scrubbed);
      expect(await host.activeModel()).toBe(variant === 'sdnext' ? 'old-without-it' : scrubbed);
      await swap.toModel(back, await host.activeModel());
      expect(fake.drawsWith).toBe(old);
      expect(await host.activeModel()).toBe(back);
    },
  );

  it.each([
    ['a1111', /^old\.safetensors \[[0-9a-f]{10}\]$/],
    ['forge', /^old\.safetensors$/],
  ] as const)('names a model to %s as its own list does', async (variant, name) => {
    const { swap, fake, file, back } = await startHost({ variant });
    await swap.toFile(file, back);
    fake.server.asked.length = 0;
    await swap.toModel(back, scrubbed);
    const chosen = fake.server.asked.filter(
      ({ method, path: route }) => method === 'POST' && route === '/sdapi/v1/options',
    );
    expect(chosen.map(({ body }) => body.sd_model_checkpoint)).toEqual([
      expect.stringMatching(name),
    ]);
  });

  it('is shown by the page of Forge Neo, which has a choice of its own for each family', async () => {
    const { swap, fake, file, back } = await startHost({ variant: 'forge-neo' });
    await swap.toFile(file, back);
    expect(fake.shownInPage).toBe(scrubbed);
    await swap.toModel(back, scrubbed);
    expect(fake.shownInPage).toBe(old);
  });

  it('takes less than a second beyond what the host takes to load', async () => {
    const { swap, fake, file } = await startHost({ loadMs: 500 });
    const start = performance.now();
    await swap.toFile(file, old);
    const overheadMs = performance.now() - start - 500;
    expect(fake.drawsWith).toBe(scrubbed);
    expect(overheadMs).toBeLessThan(1000);
  });

  it('waits for a host that hangs for a while', async () => {
    const { swap, fake, file } = await startHost();
    fake.server.faults.set('POST /sdapi/v1/options', { delayMs: 500 });
    await swap.toFile(file, old);
    expect(fake.drawsWith).toBe(scrubbed);
  });

  it('waits for a picture that is drawn, but not for ever', async () => {
    const { swap, fake, file } = await startHost();
    const short = fake.draw(sleep(100));
    await swap.toFile(file, old);
    await short;
    expect(fake.drawsWith).toBe(scrubbed);
    const long = fake.draw(sleep(2000));
    await expect(swap.toModel(old, scrubbed)).rejects.toMatchObject({ code: 'host.busy' });
    await long;
    expect(fake.drawsWith).toBe(scrubbed);
  });
});

/** What was wrong, and that all is as it was. */
async function expectFailure(
  swapping: Promise<void>,
  { code, message, fake }: { code: string; message: RegExp; fake: FakeA1111 },
): Promise<void> {
  await expect(swapping).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
  expect(fake.drawsWith).toBe(old);
}

const isBack = /The active model is "old(\.safetensors)?", as before, and draws\.$/;

describe('a swap that fails', () => {
  it('while the host is down, changes nothing', async () => {
    const { swap, fake, file } = await startHost();
    fake.server.down();
    const message = /cannot be reached \(ECONNREFUSED\)\. Start it/;
    await expectFailure(swap.toFile(file, old), { code: 'host.unreachable', message, fake });
    await fake.server.up();
    await swap.toFile(file, old);
    expect(fake.drawsWith).toBe(scrubbed);
  });

  it.each(['POST /sdapi/v1/options', 'POST /sdapi/v1/txt2img'])(
    'because the host dies at %s, says so',
    async (question) => {
      const { swap, fake, file } = await startHost();
      fake.server.faults.set(question, 'die');
      await expect(swap.toFile(file, old)).rejects.toMatchObject({
        code: 'host.unreachable',
        message: expect.stringMatching(/stopped answering while .* Restart it/) as string,
      });
    },
  );

  it('because the host answers with 500, says what it answers', async () => {
    const { swap, fake, file } = await startHost();
    const body = { error: 'OutOfMemoryError', errors: 'CUDA out of memory' };
    fake.server.faults.set('POST /sdapi/v1/options', { status: 500, body });
    const message = /CUDA out of memory.* The active model is "old\.safetensors", as before/;
    await expectFailure(swap.toFile(file, old), { code: 'host.swap-failed', message, fake });
  });

  it('because the host hangs and comes to it later, has the old model again', async () => {
    const { swap, fake, file } = await startHost();
    const { faults } = fake.server;
    faults.set('POST /sdapi/v1/options', { delayMs: quickTimeouts.workMs + 400 });
    const swapping = expectFailure(swap.toFile(file, old), {
      code: 'host.swap-failed',
      message: isBack,
      fake,
    });
    await expect.poll(() => fake.server.count('POST', '/sdapi/v1/options')).toBe(1);
    faults.clear();
    await swapping;
  });

  it('because nothing is answered any more, ends all the same', async () => {
    const { swap, fake, file } = await startHost();
    for (const path of ['/sdapi/v1/options', '/sdapi/v1/txt2img']) {
      fake.server.faults.set(`POST ${path}`, 'hang');
    }
    const message = /has not answered for 1 s.* restart the web UI/;
    await expectFailure(swap.toFile(file, old), { code: 'host.swap-failed', message, fake });
  });

  it.each([undefined, 'user:wrong'])(
    'because the credentials are %s, names them not',
    async (auth) => {
      const { swap, fake, file } = await startHost({
        credentials: 'user:right',
        ...(auth !== undefined && { auth }),
      });
      const message = /ERASE_CONCEPT_HOST_AUTH=user:password/;
      await expectFailure(swap.toFile(file, old), { code: 'host.credentials', message, fake });
      await expect(swap.toFile(file, old)).rejects.not.toThrow(/wrong/);
    },
  );

  it('without the API, says how to get it', async () => {
    const { swap, fake, file } = await startHost({ hasApi: false });
    const message = /Add --api to its command line/;
    await expectFailure(swap.toFile(file, old), { code: 'host.no-api', message, fake });
  });

  it('because the list stays as it was, changes nothing', async () => {
    const { swap, fake, file } = await startHost();
    fake.isStale = true;
    const message = /does not list .* model was not changed/;
    await expectFailure(swap.toFile(file, old), { code: 'host.swap-failed', message, fake });
    expect(fake.server.count('POST', '/sdapi/v1/options')).toBe(0);
  });

  it('because the file was cut off, does not show it to the host', async () => {
    const { swap, fake, file } = await startHost();
    truncateModel(file);
    const message = /old-without-it/;
    await expectFailure(swap.toFile(file, old), { code: 'checkpoint.damaged', message, fake });
    expect(fake.server.asked).toHaveLength(0);
  });

  it.each(['a1111', 'forge', 'forge-neo', 'sdnext'] as const)(
    'because %s cannot load it, leads the host through another model and back',
    async (variant) => {
      const { swap, fake, file, back } = await startHost({ variant });
      fake.unloadable.add(scrubbed);
      await expectFailure(swap.toFile(file, back), {
        code: 'host.swap-failed',
        message: isBack,
        fake,
      });
    },
  );

  it('and cannot be undone, says that the host must be restarted', async () => {
    const { swap, fake, file } = await startHost();
    for (const name of [old, scrubbed, 'other.safetensors']) fake.unloadable.add(name);
    await expect(swap.toFile(file, old)).rejects.toMatchObject({
      code: 'host.swap-failed',
      message: expect.stringMatching(/Nor could "old\.safetensors" be brought back/) as string,
    });
  });

  it('because the model to go back to was deleted, keeps the one it has', async () => {
    const { swap, fake, file, folder } = await startHost();
    await swap.toFile(file, old);
    rmSync(path.join(folder, old));
    await expect(swap.toModel(old, scrubbed)).rejects.toMatchObject({ code: 'model.not-found' });
    expect(fake.drawsWith).toBe(scrubbed);
  });

  it('because another model draws than was chosen, goes back', async () => {
    const { swap, fake, file } = await startHost();
    const info = JSON.stringify({ sd_model_name: 'other', sd_model_hash: null });
    fake.server.faults.set('POST /sdapi/v1/txt2img', { body: { images: ['iVBORw0KGgo='], info } });
    await expect(swap.toFile(file, old)).rejects.toThrow(/draws with "other.safetensors" and not/);
  });
});

describe('a swap after the active model was deleted', () => {
  it('goes to another one', async () => {
    const { swap, fake, file, refreshed } = await startHost();
    await swap.toFile(file, old);
    rmSync(file);
    expect(await refreshed()).not.toContain(scrubbed);
    await swap.toModel(old, null);
    expect(fake.drawsWith).toBe(old);
  });
});
