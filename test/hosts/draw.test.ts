import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import type { PictureRequest } from '../../src/hosts/host.ts';
import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { ComfyUiHost } from '../../src/hosts/comfyui/comfyui-host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { writeModel } from '../helpers/model-files.ts';
import { paintPicture } from '../helpers/paint-picture.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const active = 'active.safetensors';
const other = 'other.safetensors';

const wanted: PictureRequest = {
  model: active,
  prompt: 'a red heart',
  negativePrompt: 'a frame',
  seed: 4_000_000_000,
  steps: 7,
  guidanceScale: 6.5,
  sampler: 'DPM++ 2M Karras',
  width: 96,
  height: 72,
};
const painted = () => paintPicture({ prompt: 'a red heart', seed: 4_000_000_000, size: 96 });

/** A busy machine takes its time for a picture, be it a painted one. */
const timeouts = { ...quickTimeouts, workMs: 5000 };

function clientOf(url: URL) {
  return new HostClient({ url, credentials: null }, timeouts);
}

function makeModels(): string {
  const models = path.join(makeTemporaryFolder(), 'models');
  mkdirSync(models);
  for (const name of [active, other]) writeModel(models, name);
  return models;
}

describe("a picture of AUTOMATIC1111's family", () => {
  const start = async (options: ConstructorParameters<typeof FakeA1111>[1] = {}) => {
    const models = makeModels();
    const fake = await new FakeA1111(models, options).start(active);
    const drawings = () =>
      fake.server.asked.filter(({ path: asked }) => asked === '/sdapi/v1/txt2img');
    return { models, fake, drawings, host: new A1111Host(clientOf(fake.server.url), fake.runsIn) };
  };

  it('is the one that was asked for, and kept nowhere', async () => {
    const { host, drawings } = await start();
    const picture = await host.draw(wanted);
    expect(picture).toEqual({ model: active, format: 'png', bytes: await painted() });
    expect(drawings().map(({ body }) => body)).toEqual([
      expect.objectContaining({
        ...{ prompt: 'a red heart', negative_prompt: 'a frame', seed: 4_000_000_000 },
        ...{ steps: 7, cfg_scale: 6.5, width: 96, height: 72, batch_size: 1, n_iter: 1 },
        ...{ sampler_name: 'DPM++ 2M Karras', scheduler: 'Karras' },
        ...{ save_images: false, do_not_save_samples: true, do_not_save_grid: true },
      }),
    ]);
  });

  it('is not the grid that may come first', async () => {
    const { host } = await start({ hasGrid: true });
    expect((await host.draw(wanted)).bytes).toEqual(await painted());
  });

  it.each([
    ['jpeg', 'jpg'],
    ['webp', 'webp'],
  ] as const)('is a %s where the user wants that', async (format, ending) => {
    const { host } = await start({ format });
    expect((await host.draw(wanted)).format).toBe(ending);
  });

  it.each(['a1111', 'forge', 'forge-neo', 'sdnext'] as const)(
    'of another model leaves %s with the active one, which is loaded once after all',
    async (variant) => {
      const { host, fake } = await start({ variant });
      const name = (file: string) => (variant === 'sdnext' ? path.parse(file).name : file);
      for (const seed of [1, 2, 3]) {
        const picture = await host.draw({ ...wanted, seed, model: name(other) });
        expect(picture.model).toBe(name(other));
      }
      await host.restoreActive();
      expect(fake.drawsWith).toBe(active);
      expect(await host.activeModel()).toBe(name(active));
      expect(fake.loads).toEqual([active, other, active]);
    },
  );

  it('of the active model loads nothing', async () => {
    const { host, fake } = await start();
    await host.draw(wanted);
    await host.restoreActive();
    expect(fake.loads).toEqual([active]);
    expect(fake.server.count('POST', '/sdapi/v1/txt2img')).toBe(1);
  });

  it('of a model that was deleted is not asked for', async () => {
    const { host, models, drawings } = await start();
    rmSync(path.join(models, other));
    const drawing = host.draw({ ...wanted, model: other });
    await expect(drawing).rejects.toMatchObject({ code: 'model.not-found' });
    expect(drawings()).toHaveLength(0);
  });

  it('of a model that the host passes over is refused', async () => {
    const { host, fake } = await start();
    const info = JSON.stringify({ sd_model_name: 'active', sd_model_hash: null });
    const images = ['iVBORw0KGgo='];
    fake.server.faults.set('POST /sdapi/v1/txt2img', { body: { images, info } });
    await expect(host.draw({ ...wanted, model: other })).rejects.toThrow(
      /draws with "active.safetensors" and not with "other.safetensors"/,
    );
  });

  it('that somebody interrupted is refused, though it is sent', async () => {
    const { host, fake } = await start();
    fake.isInterrupted = true;
    await expect(host.draw(wanted)).rejects.toThrow(/was interrupted while it drew/);
  });

  it('that is none is refused', async () => {
    const { host, fake } = await start();
    const info = JSON.stringify({ sd_model_name: 'active', sd_model_hash: null });
    const images = [Buffer.from('GIF89a and more').toString('base64')];
    fake.server.faults.set('POST /sdapi/v1/txt2img', { body: { images, info } });
    await expect(host.draw(wanted)).rejects.toThrow(/no PNG, JPEG or WebP/);
  });

  it('fails as the host says', async () => {
    const { host, fake } = await start();
    const body = { error: 'OutOfMemoryError', errors: 'CUDA out of memory' };
    fake.server.faults.set('POST /sdapi/v1/txt2img', { status: 500, body });
    await expect(host.draw(wanted)).rejects.toThrow(/with 500: CUDA out of memory/);
  });

  it('is not waited for by who is cancelled', async () => {
    const { host, fake } = await start({ drawMs: 3000 });
    const asked = () => fake.server.count('POST', '/sdapi/v1/txt2img');
    const cancel = new AbortController();
    const drawing = host.draw(wanted, cancel.signal);
    const refused = expect(drawing).rejects.toThrow('cancelled');
    await vi.waitFor(
      () => {
        expect(asked()).toBe(1);
      },
      { timeout: 10_000 },
    );
    const began = performance.now();
    cancel.abort(new Error('cancelled'));
    await refused;
    expect(performance.now() - began).toBeLessThan(400);
    expect(asked()).toBe(1);
  });
});

describe('a picture of ComfyUI', () => {
  const start = async () => {
    const fake = await new FakeComfyUi([makeModels()]).start();
    const host = new ComfyUiHost(clientOf(fake.server.url), makeTemporaryFolder());
    return { fake, host };
  };

  it('is the one that was asked for, and gone from the history', async () => {
    const { host, fake } = await start();
    const picture = await host.draw({ ...wanted, model: other });
    expect(picture).toEqual({ model: other, format: 'png', bytes: await painted() });
    expect(fake.drawnWith).toEqual([other]);
    expect(fake.history.size).toBe(0);
    const asked = fake.server.asked.find(({ path: asked }) => asked === '/prompt')?.body.prompt;
    expect(asked).toMatchObject({
      '2': { inputs: { text: 'a red heart' } },
      '3': { inputs: { text: 'a frame' } },
      '4': { inputs: { width: 96, height: 72, batch_size: 1 } },
      '5': { inputs: { seed: 4_000_000_000, steps: 7, cfg: 6.5 } },
      '7': { class_type: 'PreviewImage' },
    });
  });

  it('does not make its model the active one', async () => {
    const { host } = await start();
    expect(await host.draw(trialPicture())).toBeNull();
    await host.activate(active);
    await host.draw(trialPicture());
    await host.draw({ ...wanted, model: other });
    await host.restoreActive();
    expect(await host.activeModel()).toBe(active);
  });

  it('of a model that it does not have is refused', async () => {
    const { host } = await start();
    await expect(host.draw({ ...wanted, model: 'gone.safetensors' })).rejects.toThrow(
      /cannot draw: Value not in list/,
    );
  });

  it('that somebody interrupted is refused, and gone from the history', async () => {
    const { host, fake } = await start();
    fake.isInterrupted = true;
    await expect(host.draw(wanted)).rejects.toThrow(/was interrupted while it drew/);
    expect(fake.history.size).toBe(0);
  });

  it('is there though its place in the history cannot be cleared', async () => {
    const { host, fake } = await start();
    fake.server.faults.set('POST /history', { status: 500 });
    expect(await host.draw(wanted)).toMatchObject({ model: active });
  });

  it('that was cleared away meanwhile is missed', async () => {
    const { host, fake } = await start();
    fake.server.faults.set('GET /view', { status: 404 });
    await expect(host.draw(wanted)).rejects.toThrow(/answers GET \/view\?.* with 404/);
  });

  it('is taken out of the queue by who is cancelled', async () => {
    const { host, fake } = await start();
    fake.draw(600);
    const cancel = new AbortController();
    const drawing = host.draw(wanted, cancel.signal);
    setTimeout(() => {
      cancel.abort(new Error('cancelled'));
    }, 100);
    await expect(drawing).rejects.toThrow('cancelled');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(fake.drawnWith).toEqual([]);
  });
});

describe('a picture of no web UI', () => {
  it('is none', async () => {
    const host = await openHost({
      ...{ kind: 'standalone', url: null, credentials: null, modelFolders: [] },
      dataFolder: makeTemporaryFolder(),
    });
    expect(host.canDraw).toBe(false);
    expect(await host.draw(wanted)).toBeNull();
  });
});
