import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { ComfyUiHost } from '../../src/hosts/comfyui/comfyui-host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { ModelSwap } from '../../src/hosts/model-swap.ts';
import { defaultTimeouts } from '../../src/hosts/host-timeouts.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { writeModel } from '../helpers/model-files.ts';
import { replay } from '../helpers/replay.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const old = 'tiny32.safetensors';
const scrubbed = 'tiny32-erased.safetensors';

describe("AUTOMATIC1111's web UI, as it was recorded", () => {
  const start = async (...names: string[]) => {
    const models = makeTemporaryFolder();
    writeModel(models, old);
    const file = writeModel(models, scrubbed);
    const server = await replay(
      names.map((name) => `a1111/${name}`),
      models,
    );
    const client = new HostClient({ url: server.url, credentials: null }, defaultTimeouts);
    return { file, models, server, host: new A1111Host(client) };
  };

  it('names its models without the hash, which comes with the first load', async () => {
    const { host, models } = await start('sd_models_after_refresh', 'options_get');
    expect(await host.listModels()).toMatchObject([
      { name: scrubbed, path: path.join(models, scrubbed) },
      { name: old, path: path.join(models, old) },
    ]);
    expect(await host.activeModel()).toBe(old);
  });

  it('takes a new model', async () => {
    const { host, server, file } = await start(
      ...['progress_idle', 'refresh_checkpoints', 'sd_models_after_refresh', 'options_get'],
      ...['options_switch', 'sd_models_after_refresh', 'sd_models_after_load'],
      ...['options_after_switch', 'txt2img_after_switch'],
    );
    const start_ = performance.now();
    await new ModelSwap(host, defaultTimeouts).toFile(file, old);
    // What was recorded of its own work: loading, drawing, looking again.
    const ownMs = 1160 + 2800 + 100;
    expect(performance.now() - start_ - ownMs).toBeLessThan(1000);
    const posted = server.asked.find(
      ({ method, path: asked }) => method === 'POST' && asked === '/sdapi/v1/options',
    );
    expect(posted?.body).toEqual({ sd_model_checkpoint: scrubbed });
    expect(await host.activeModel()).toBe(scrubbed);
  });

  it('answers 200 to a file that it cannot load, and is found out', async () => {
    const { host } = await start(
      'sd_models_after_refresh',
      'options_switch_truncated_file',
      'options_get',
    );
    await expect(host.activate(scrubbed)).rejects.toThrow(
      /could not load "tiny32-erased.safetensors" and went back to "tiny32.safetensors"/,
    );
  });

  it('cannot draw after that, and says why', async () => {
    const { host } = await start('txt2img_after_truncated');
    await expect(host.draw(trialPicture())).rejects.toThrow(
      /answers POST \/sdapi\/v1\/txt2img with 500: Torch not compiled with CUDA enabled/,
    );
  });

  it('draws with another model than the active one, which is loaded again by one picture', async () => {
    const { host, server } = await start(
      ...['options_get', 'sd_models_after_load', 'progress_idle'],
      ...['txt2img_override', 'txt2img'],
    );
    const request = { ...trialPicture(), model: scrubbed };
    expect(await host.draw(request)).toMatchObject({ model: scrubbed, format: 'png' });
    await host.restoreActive();
    await host.restoreActive();
    const drawn = server.asked.filter(({ path: asked }) => asked === '/sdapi/v1/txt2img');
    const title = 'tiny32-erased.safetensors [16a02cf53d]';
    expect(drawn.map(({ body }) => body.override_settings)).toEqual([
      { sd_model_checkpoint: title },
      undefined,
    ]);
    expect(drawn[0]?.body).toMatchObject({ save_images: false, batch_size: 1, n_iter: 1 });
  });

  it('passes over a model that it does not know, and is found out', async () => {
    const { host } = await start(
      ...['options_get', 'sd_models_after_load', 'progress_idle', 'txt2img_override_unknown'],
    );
    await expect(host.draw({ ...trialPicture(), model: old })).rejects.toThrow(
      /draws with "tiny32-erased.safetensors" and not with "tiny32.safetensors"/,
    );
  });

  it('refuses a model that it has not listed', async () => {
    const { host } = await start(
      ...['sd_models_after_refresh', 'options_get', 'options_switch_before_refresh'],
    );
    await expect(host.activate(scrubbed)).rejects.toThrow(
      /with 500: model 'tiny32-erased.safetensors' not found/,
    );
    const unseen = await start('sd_models_before_refresh');
    await expect(unseen.host.activate(scrubbed)).rejects.toMatchObject({ code: 'model.not-found' });
  });

  it('tells when it draws, and gives its memory away and takes it back', async () => {
    const { host, server } = await start(
      ...['progress_running', 'progress_idle', 'unload_checkpoint', 'reload_checkpoint'],
    );
    expect([await host.isBusy(), await host.isBusy()]).toEqual([true, false]);
    await host.freeMemory();
    await host.reclaimMemory();
    expect(server.asked.map(({ path: asked }) => asked).slice(2)).toEqual([
      '/sdapi/v1/unload-checkpoint',
      '/sdapi/v1/reload-checkpoint',
    ]);
  });
});

describe('ComfyUI, as it was recorded', () => {
  const start = async (...names: string[]) => {
    const models = makeTemporaryFolder();
    writeModel(models, 'tiny32.safetensors');
    writeModel(models, 'tiny320.safetensors');
    const server = await replay(
      ['experiment_models_checkpoints', 'queue_idle', 'free', ...names].map(
        (name) => `comfyui/${name}`,
      ),
      models,
      {
        'GET /experiment/models': [{ name: 'checkpoints', folders: [models] }],
        'POST /history': null,
      },
    );
    const client = new HostClient({ url: server.url, credentials: null }, defaultTimeouts);
    return { models, server, host: new ComfyUiHost(client, makeTemporaryFolder()) };
  };

  it('lists its models and is idle', async () => {
    const { host, models } = await start();
    expect((await host.listModels()).map((model) => model.path)).toEqual([
      path.join(models, 'tiny32.safetensors'),
      path.join(models, 'tiny320.safetensors'),
    ]);
    expect(await host.isBusy()).toBe(false);
    await host.freeMemory();
  });

  it('draws a picture with a model, which is then gone from the history', async () => {
    const { host, server } = await start(
      ...['txt2img_tiny320.prompt', 'txt2img_tiny320.history', 'view_image'],
    );
    const picture = await host.draw({ ...trialPicture(), model: 'tiny320.safetensors' });
    expect(picture).toMatchObject({ model: 'tiny320.safetensors', format: 'png' });
    expect(picture?.bytes.subarray(1, 4).toString()).toBe('PNG');
    const id = 'a709898c-d780-4607-862d-01c1f1ab1eab';
    expect(server.asked.at(-1)).toMatchObject({ path: '/history', body: { delete: [id] } });
  });

  it('does not know the type of a model, and says so', async () => {
    const { host } = await start('unsupported_tiny32.prompt', 'unsupported_tiny32.history');
    await host.activate('tiny32.safetensors');
    await expect(host.draw(trialPicture())).rejects.toThrow(
      /ERROR: Could not detect model type of/,
    );
  });

  it('refuses a prompt with a checkpoint that it does not have', async () => {
    const { host } = await start('prompt_missing_ckpt');
    await host.activate('tiny32.safetensors');
    await expect(host.draw(trialPicture())).rejects.toThrow(
      /cannot draw: Value not in list: ckpt_name: 'does-not-exist.safetensors' not in/,
    );
  });
});
