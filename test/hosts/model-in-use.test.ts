import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { A1111Host } from '../../src/hosts/a1111/a1111-host.ts';
import { HostClient } from '../../src/hosts/host-client.ts';
import { GraphicsMemory } from '../../src/hosts/graphics-memory.ts';
import { HostJournal } from '../../src/hosts/host-journal.ts';
import { ModelInUse } from '../../src/hosts/model-in-use.ts';
import { trialPicture } from '../../src/hosts/trial-picture.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { truncateModel, writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** As a sidecar has it that has just started. */
function openModel(host: A1111Host, dataFolder: string) {
  const journal = new HostJournal(dataFolder);
  const memory = new GraphicsMemory(host, journal, quickTimeouts);
  const model = new ModelInUse({ host, journal, memory, timeouts: quickTimeouts });
  return { host, journal, model };
}

/** A web UI whose active model is `old`, while a sidecar that is killed draws with `new`. */
async function drawAndDie(variant: 'a1111' | 'forge' | 'forge-neo' | 'sdnext') {
  const folder = makeTemporaryFolder();
  for (const name of ['old', 'new', 'other']) writeModel(folder, `${name}.safetensors`);
  const suffix = variant === 'sdnext' ? '' : '.safetensors';
  const fake = await new FakeA1111(folder, { variant }).start('old.safetensors');
  const client = new HostClient({ url: fake.server.url, credentials: null }, quickTimeouts);
  const dataFolder = makeTemporaryFolder();
  const start = () => openModel(new A1111Host(client, fake.runsIn), dataFolder);
  const { host, model } = start();
  for (const name of ['new', 'other', 'new']) {
    await model.beginDrawing(`${name}${suffix}`);
    await host.draw({ ...trialPicture(), model: `${name}${suffix}` });
  }
  return { ...start(), fake, dataFolder, nameOf: (name: string) => `${name}${suffix}` };
}

describe('the active model of a host, after a sidecar that was killed while it drew,', () => {
  it.each(['a1111', 'forge', 'forge-neo', 'sdnext'] as const)(
    'is the one before in %s',
    async (variant) => {
      const { host, model, fake, nameOf } = await drawAndDie(variant);
      await model.settle();
      expect(await host.activeModel()).toBe(nameOf('old'));
      await host.draw(trialPicture());
      expect(fake.drawsWith).toBe('old.safetensors');
    },
  );

  it('stays what somebody has chosen since', async () => {
    const { host, model, nameOf } = await drawAndDie('sdnext');
    await host.activate(nameOf('other'));
    await model.settle();
    expect(await host.activeModel()).toBe(nameOf('other'));
  });

  it('is owed once, and not where it was given back', async () => {
    const { host, model, fake } = await drawAndDie('sdnext');
    await model.settle();
    await model.beginDrawing('new');
    await model.endDrawing();
    await host.activate('new');
    const count = fake.server.count('POST', '/sdapi/v1/options');
    await model.settle();
    expect(fake.server.count('POST', '/sdapi/v1/options')).toBe(count);
    expect(await host.activeModel()).toBe('new');
  });

  it('is not asked for where the file means nothing', async () => {
    const { model, fake, dataFolder } = await drawAndDie('sdnext');
    writeFileSync(path.join(dataFolder, 'host.json'), '{"memory":');
    const count = fake.server.asked.length;
    await model.settle();
    expect(fake.server.asked).toHaveLength(count);
  });
});

/** A web UI with an old model in use, a new file, and a sidecar that may be started again. */
async function startHost(loadMs = 0) {
  const folder = makeTemporaryFolder();
  for (const name of ['old', 'other']) writeModel(folder, `${name}.safetensors`);
  const fake = await new FakeA1111(folder, { loadMs }).start('old.safetensors');
  const client = new HostClient({ url: fake.server.url, credentials: null }, quickTimeouts);
  const dataFolder = makeTemporaryFolder();
  const file = writeModel(folder, 'new.safetensors');
  const start = () => openModel(new A1111Host(client, fake.runsIn), dataFolder);
  return { fake, file, folder, dataFolder, start, ...start() };
}

describe('the model in use', () => {
  it('is put into use and left again for the one before, which the next sidecar knows', async () => {
    const { model, fake, file, start } = await startHost();
    await model.use(file, 'unused');
    expect(fake.drawsWith).toBe('new.safetensors');
    const next = start();
    expect(await next.model.before(file)).toBe('old.safetensors');
    await next.model.goBack(file, 'new.safetensors');
    expect(fake.drawsWith).toBe('old.safetensors');
    expect(await next.model.before(file)).toBeNull();
    expect(await start().model.before(file)).toBeNull();
  });

  it('leads back through each model that was put into use on top of another', async () => {
    const { model, fake, file, folder } = await startHost();
    await model.use(file, 'unused');
    const second = writeModel(folder, 'newer.safetensors');
    await model.use(second, 'unused');
    expect([await model.before(second), await model.before(file)]).toEqual([
      'new.safetensors',
      'old.safetensors',
    ]);
    await model.goBack(second, 'newer.safetensors');
    await model.goBack(file, 'new.safetensors');
    expect(fake.drawsWith).toBe('old.safetensors');
  });

  it('is changed once after another: the later one has the earlier one before it', async () => {
    const { model, fake, file, folder } = await startHost(50);
    const second = writeModel(folder, 'newer.safetensors');
    await Promise.all([model.use(file, 'unused'), model.use(second, 'unused')]);
    expect(fake.drawsWith).toBe('newer.safetensors');
    expect(await model.before(second)).toBe('new.safetensors');
  });

  it('stays what it was where the change fails, and can be changed afterwards', async () => {
    const { model, fake, file, journal } = await startHost();
    truncateModel(file);
    await expect(model.use(file, 'unused')).rejects.toMatchObject({
      code: expect.stringMatching(/^checkpoint\./) as string,
    });
    expect((await journal.read()).model).toEqual({ state: 'settled' });
    expect(fake.drawsWith).toBe('old.safetensors');
  });

  it('is owed nothing after a swap in the middle of a drawing', async () => {
    const { model, host, file, start } = await startHost();
    await model.beginDrawing('other.safetensors');
    await host.draw({ ...trialPicture(), model: 'other.safetensors' });
    await model.use(file, 'unused');
    await start().model.settle();
    expect(await host.activeModel()).toBe('new.safetensors');
  });

  it('is whichever the host has where a sidecar was killed in the middle of a swap', async () => {
    const { journal, host, start } = await startHost();
    const swapping = { state: 'swapping', from: 'old.safetensors', to: '/new' } as const;
    await journal.update(() => ({ model: swapping }));
    await host.activate('other.safetensors');
    const next = start();
    await next.model.settle();
    expect(await host.activeModel()).toBe('other.safetensors');
    expect((await next.journal.read()).model).toEqual({ state: 'settled' });
  });

  it('goes on from what a sidecar of 0.1.0 owed', async () => {
    const { host, model, journal, dataFolder } = await startHost();
    await host.activate('other.safetensors');
    const debts = {
      memory: true,
      model: { active: 'old.safetensors', drawing: 'other.safetensors' },
    };
    const old = path.join(dataFolder, 'host-debts.json');
    writeFileSync(old, JSON.stringify(debts));
    expect((await journal.read()).memoryIsLent).toBe(true);
    await model.settle();
    expect(await host.activeModel()).toBe('old.safetensors');
    expect(existsSync(old)).toBe(false);
  });
});
