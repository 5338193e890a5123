import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobView } from '../../src/contract/job-views.ts';
import { GraphicsMemory } from '../../src/hosts/graphics-memory.ts';
import { HostJournal } from '../../src/hosts/host-journal.ts';
import type { Host } from '../../src/hosts/host.ts';
import { HostLoras } from '../../src/hosts/host-loras.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { usualLoraFolder } from '../../src/hosts/usual-lora-folder.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi } from '../helpers/fake-comfyui.ts';
import { writeModel } from '../helpers/model-files.ts';
import { quickTimeouts } from '../helpers/quick-timeouts.ts';
import { startTestSidecar, tinyModel } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const lora = { kind: 'lora', rank: 4, convRank: null, alpha: null } as const;

function lorasOf(host: Host, dataFolder: string): HostLoras {
  const journal = new HostJournal(dataFolder);
  const memory = new GraphicsMemory(host, journal, quickTimeouts);
  return new HostLoras({ host, journal, memory, timeouts: quickTimeouts });
}

/** A web UI with one model and a folder of LoRAs, and a LoRA file elsewhere. */
async function start(variant: 'a1111' | 'forge' | 'forge-neo' | 'sdnext') {
  const models = path.join(makeTemporaryFolder(), 'Stable-diffusion');
  cpSync('presets/tiny-sd', models, { recursive: true });
  const fake = await new FakeA1111(models, { variant }).start(tinyModel);
  mkdirSync(fake.loraFolder);
  const dataFolder = makeTemporaryFolder();
  const host = await openHost({
    ...{ kind: 'a1111', url: fake.server.url, credentials: null, modelFolders: [] },
    ...{ dataFolder, folder: fake.runsIn, timeouts: quickTimeouts },
  });
  const file = path.join(dataFolder, 'less heart.safetensors');
  writeFileSync(file, 'a LoRA');
  return { fake, host, dataFolder, file, loras: lorasOf(host, dataFolder) };
}

describe.each(['a1111', 'forge', 'forge-neo', 'sdnext'] as const)('a LoRA in %s', (variant) => {
  it('is put where it is looked for, drawn with, and taken out again', async () => {
    const { fake, host, file, loras, dataFolder } = await start(variant);
    await loras.use(file);
    const place = path.join(fake.loraFolder, 'less heart.safetensors');
    // One that is started later knows it, too.
    expect(await lorasOf(host, dataFolder).placeOf(file)).toBe(place);
    expect(readFileSync(place)).toEqual(readFileSync(file));
    expect(fake.loras).toEqual(['less heart']);
    expect(fake.prompts.at(-1)).toBe('a photo of a cat <lora:less heart:1>');
    await loras.takeOut(file, '');
    expect(await loras.placeOf(file)).toBeNull();
    expect(readdirSync(fake.loraFolder)).toEqual([]);
    expect(fake.loras).toEqual([]);
  });
});

it('goes where the flags of Forge Neo say, though its answer for them is an error', async () => {
  const { fake, host, file, loras } = await start('forge-neo');
  fake.loraFolder = makeTemporaryFolder();
  expect(await host.loraFolder()).toBe(fake.loraFolder);
  await loras.use(file);
  expect(readdirSync(fake.loraFolder)).toEqual(['less heart.safetensors']);
});

it('a LoRA takes the place of no other file, and goes where it is not drawn with', async () => {
  const { fake, file, loras } = await start('a1111');
  const taken = path.join(fake.loraFolder, 'less heart.safetensors');
  writeFileSync(taken, 'another');
  fake.isStale = true;
  await expect(loras.use(file)).rejects.toMatchObject({ code: 'host.swap-failed' });
  fake.isStale = false;
  fake.isInterrupted = true;
  await expect(loras.use(file)).rejects.toMatchObject({ code: 'host.failed' });
  expect(readdirSync(fake.loraFolder)).toEqual(['less heart.safetensors']);
  expect(await loras.placeOf(file)).toBeNull();
  fake.isInterrupted = false;
  await loras.use(file);
  expect(await loras.placeOf(file)).toBe(path.join(fake.loraFolder, 'less heart-2.safetensors'));
  // Used once more, it stays where it is.
  await loras.use(file);
  expect(readdirSync(fake.loraFolder)).toHaveLength(2);
  await loras.takeOut(file, '');
  // One of the same bytes that was there before is the person's own.
  writeFileSync(taken, 'a LoRA');
  await loras.use(file);
  await loras.takeOut(file, '');
  expect(readdirSync(fake.loraFolder)).toEqual(['less heart.safetensors']);
});

it('ComfyUI draws with a loader between checkpoint and sampler', async () => {
  const folder = makeTemporaryFolder();
  const [models, loraFolder] = [path.join(folder, 'checkpoints'), path.join(folder, 'loras')];
  for (const made of [models, loraFolder]) mkdirSync(made);
  writeModel(models, tinyModel);
  const fake = await new FakeComfyUi([models], [loraFolder]).start();
  const host = await openHost({
    ...{ kind: 'comfyui', url: fake.server.url, credentials: null, modelFolders: [] },
    ...{ dataFolder: folder, timeouts: quickTimeouts },
  });
  await host.activate(tinyModel);
  const loras = lorasOf(host, folder);
  const file = path.join(folder, 'less.safetensors');
  writeFileSync(file, 'a LoRA');
  await loras.use(file);
  expect(existsSync(path.join(loraFolder, 'less.safetensors'))).toBe(true);
  expect(fake.graphs.at(-1)).toMatchObject({
    '5': { inputs: { model: ['8', 0] } },
    '8': {
      class_type: 'LoraLoaderModelOnly',
      inputs: { model: ['1', 0], lora_name: 'less.safetensors', strength_model: 1 },
    },
  });
});

it('a job whose result is a LoRA writes it where the host looks, is used as one and rolled back', async () => {
  const { fake, host, dataFolder } = await start('a1111');
  const sidecar = await startTestSidecar({ data: dataFolder, host });
  const settings = { steps: 2, adapter: lora, output: 'lora' } as const;
  const { id } = await sidecar.create({ settings });
  const done = await sidecar.reaches(id, 'done');
  const place = path.join(fake.loraFolder, 'tiny-sd-without-heart.safetensors');
  expect(done).toMatchObject({
    result: { kind: 'lora', isActive: false, path: place },
    lora: { tag: '<lora:tiny-sd-without-heart:1>', usedAt: null, isInJob: false },
  });
  const bytes = readFileSync(place);
  const act = async (action: string) => {
    const answer = await sidecar.api('post', `/jobs/${id}/${action}`);
    return { status: answer.status, body: answer.body as JobView };
  };
  expect((await act('apply')).body).toMatchObject({
    result: { isActive: true },
    lora: { usedAt: place },
  });
  expect(readdirSync(fake.loraFolder)).toEqual([path.basename(place)]);
  expect(fake.prompts.at(-1)).toContain('<lora:tiny-sd-without-heart:1>');
  expect(fake.drawsWith).toBe(tinyModel);
  expect((await act('apply-lora')).status).toBe(409);
  const { body: back } = await act('rollback');
  expect(back).toMatchObject({
    result: { isActive: false },
    lora: { usedAt: null, isInJob: true },
  });
  // Nothing else has it.
  expect(readFileSync(back.lora!.path)).toEqual(bytes);
  expect(readdirSync(fake.loraFolder)).toEqual([]);
  expect(fake.loras).toEqual([]);
  expect((await act('rollback-lora')).status).toBe(409);
  expect((await act('apply-lora')).body).toMatchObject({ lora: { usedAt: place } });
  expect((await act('rollback-lora')).body).toMatchObject({ lora: { usedAt: null } });
  await act('apply-lora');
  expect(readdirSync(fake.loraFolder)).toEqual([path.basename(place)]);
  // What it was put there from is gone.
  expect((await sidecar.api('delete', `/jobs/${id}`)).status).toBe(204);
  expect(readdirSync(fake.loraFolder)).toEqual([]);
  expect(fake.loras).toEqual([]);
  expect(fake.loads).toEqual([tinyModel]);
});

it.each([
  ['', ['tiny-sd-without-heart.safetensors']],
  ['?model=true', []],
])(
  'a LoRA in use that a job wrote there stays unless it is deleted too (%j)',
  async (query, left) => {
    const { fake, host, dataFolder } = await start('a1111');
    const sidecar = await startTestSidecar({ data: dataFolder, host });
    const settings = { steps: 2, adapter: lora, output: 'lora' } as const;
    const { id } = await sidecar.create({ settings });
    await sidecar.reaches(id, 'done');
    expect((await sidecar.api('post', `/jobs/${id}/apply-lora`)).status).toBe(200);
    expect((await sidecar.api('delete', `/jobs/${id}${query}`)).status).toBe(204);
    expect(readdirSync(fake.loraFolder)).toEqual(left);
    expect((await new HostJournal(dataFolder).read()).loras).toEqual({});
  },
);

it('the folder of LoRAs is known by where a checkpoint lies, where there is one', async () => {
  const folder = makeTemporaryFolder();
  const lies = (...parts: string[]) =>
    usualLoraFolder(path.join(folder, ...parts, 'a.safetensors'));
  for (const made of [
    'Stable-diffusion/mine',
    'Lora',
    'other/checkpoints',
    'checkpoints',
    'loras',
  ]) {
    mkdirSync(path.join(folder, made), { recursive: true });
  }
  expect(await lies('Stable-diffusion')).toBe(path.join(folder, 'Lora'));
  expect(await lies('Stable-diffusion', 'mine')).toBe(path.join(folder, 'Lora'));
  expect(await lies('checkpoints')).toBe(path.join(folder, 'loras'));
  expect(await lies('other', 'checkpoints')).toBeNull();
  expect(await lies('other')).toBeNull();
});
