import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { drawingOf, graphSchema } from '../../src/hosts/comfyui/drawing-of-graph.ts';
import { noGuess } from '../../src/drawing/drawing-guess.ts';
import { openHost } from '../../src/hosts/open-host.ts';
import { hostRequestOf } from '../../src/jobs/host-drawn/host-request.ts';
import { defaultSettings, usualModel } from '../../src/methods/registry.ts';
import { FakeA1111 } from '../helpers/fake-a1111.ts';
import { FakeComfyUi, type Graph } from '../helpers/fake-comfyui.ts';
import { startTestSidecar } from '../helpers/sidecar.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** A folder with the tiny model under a name that speaks of clip skip 2. */
function makeModels(): string {
  const folder = path.join(makeTemporaryFolder(), 'Stable-diffusion');
  mkdirSync(folder);
  copyFileSync('presets/tiny-sd/tiny-sd.safetensors', path.join(folder, 'tiny-anime.safetensors'));
  return folder;
}

const open = (kind: 'a1111' | 'comfyui', url: URL | null, folder: string | null = null) =>
  openHost({
    ...{ kind, url, folder, credentials: null, modelFolders: [] },
    dataFolder: makeTemporaryFolder(),
  });

const settings = { ...defaultSettings(usualModel), clipSkip: 2 };
const picture = { prompt: 'a heart', seed: 1 };

it('a job takes the clip skip that its web UI is set to, and says where it is from', async () => {
  const fake = await new FakeA1111(makeModels()).start('tiny-anime.safetensors');
  fake.clipSkip = 3;
  const host = await open('a1111', fake.server.url);
  const { api } = await startTestSidecar({ host });
  const { body } = (await api('get', '/models')) as unknown as { body: { drawing: unknown }[] };
  expect(body[0]?.drawing).toMatchObject({
    draws: { clipSkip: 3 },
    sources: { clipSkip: 'the web UI’s “Clip skip”' },
  });
});

/** As Forge Neo 2.26 has written it into `params.txt`, with a negative prompt and another size. */
const lastPicture = `a red heart, (bold:1.2)
on two lines
Negative prompt: blurry, "text": none
Steps: 6, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 1.5, Seed: 4, Size: 64x96, Model: tiny-anime, Model hash: 46013bf589, Lora hashes: "a: 1, b: 2", Clip skip: 2, RNG: CPU, Version: neo-2.26`;

it('a job takes what the last picture of Forge Neo was drawn with, which pictures of ours leave as it is', async () => {
  const models = makeModels();
  const fake = await new FakeA1111(models, { variant: 'forge-neo' }).start(
    'tiny-anime.safetensors',
  );
  fake.clipSkip = 1;
  const root = path.dirname(models);
  const kept = path.join(root, 'params.txt');
  writeFileSync(kept, lastPicture);
  const host = await open('a1111', fake.server.url, root);
  const [model] = await host.listModels();
  const { draws, sources } = await host.guessDrawing(model!);
  expect(draws).toEqual({
    ...{ drawSteps: 6, drawSampler: 'DPM++ 2M Karras', drawCfg: 1.5, width: 64, height: 96 },
    ...{ negative: 'blurry, "text": none', clipSkip: 1 },
  });
  expect(sources.width).toBe('your last picture with it in Forge Neo');

  fake.onDraw = (prompt) => {
    writeFileSync(kept, `${prompt}\nSteps: 2, Size: 64x64, Model: tiny-anime`);
  };
  await host.draw({ model: null, ...hostRequestOf(settings, picture) });
  expect(readFileSync(kept, 'utf8')).toBe(lastPicture);

  // What its user draws meanwhile, with more words, is theirs.
  const theirs = `${picture.prompt}, mine\nSteps: 3, Size: 64x64, Model: tiny-anime`;
  fake.onDraw = () => {
    writeFileSync(kept, theirs);
  };
  await host.draw({ model: null, ...hostRequestOf(settings, picture) });
  expect(readFileSync(kept, 'utf8')).toBe(theirs);

  const others = [
    lastPicture.replace('Model: tiny-anime', 'Model: tiny'),
    lastPicture.replace('RNG: CPU', 'Denoising strength: 0.5'),
    'nothing of it',
  ];
  for (const text of others) {
    writeFileSync(kept, text);
    expect(Object.keys((await host.guessDrawing(model!)).draws), text).toEqual(['clipSkip']);
  }
});

it('a web UI draws with the job’s clip skip and goes back to its own', async () => {
  const fake = await new FakeA1111(makeModels()).start('tiny-anime.safetensors');
  const host = await open('a1111', fake.server.url);
  await host.draw({ model: null, ...hostRequestOf(settings, picture) });
  expect(fake.asked[0]).toMatchObject({
    override_settings: { CLIP_stop_at_last_layers: 2 },
    override_settings_restore_afterwards: true,
  });
});

it('SD.Next, which keeps what it is overridden with, has a field of the request for it', async () => {
  const models = makeModels();
  const fake = await new FakeA1111(models, { variant: 'sdnext' }).start('tiny-anime.safetensors');
  const host = await open('a1111', fake.server.url, path.dirname(models));
  await host.draw({ model: null, ...hostRequestOf(settings, picture) });
  expect(fake.asked[0]).toMatchObject({ clip_skip: 2 });
  expect(fake.asked[0]).not.toHaveProperty('override_settings');
});

const encoded = (text: unknown) => ({ class_type: 'CLIPTextEncode', inputs: { text } });
const given = (inputs: Readonly<Record<string, unknown>>) => ({ class_type: 'Given', inputs });

/** A workflow with a second sampler that refines what the first one made. */
const workflow = (checkpoint: string): Graph => ({
  '3': {
    class_type: 'KSampler',
    inputs: {
      ...{ seed: 5, steps: ['12', 0], cfg: 1.5, sampler_name: 'dpmpp_2m', scheduler: 'karras' },
      latent_image: ['10', 0],
    },
  },
  '4': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: checkpoint } },
  '5': { class_type: 'EmptyLatentImage', inputs: { width: 832, height: 1216, batch_size: 4 } },
  '6': { class_type: 'CLIPSetLastLayer', inputs: { stop_at_clip_layer: -2, clip: ['4', 1] } },
  '7': {
    class_type: 'KSampler',
    inputs: {
      ...{ seed: 5, steps: 6, cfg: 1.5, sampler_name: 'euler_ancestral', scheduler: 'normal' },
      ...{ latent_image: ['5', 0], negative: ['8', 1] },
    },
  },
  '8': {
    class_type: 'ControlNetApplyAdvanced',
    inputs: { positive: ['11', 0], negative: ['9', 0], strength: 1 },
  },
  '9': { class_type: 'CLIPTextEncode', inputs: { text: 'blurry, lowres ', clip: ['6', 0] } },
  '11': { class_type: 'CLIPTextEncode', inputs: { text: 'a cat', clip: ['6', 0] } },
});

it('a job draws as its user last drew with the model in ComfyUI', async () => {
  const models = makeModels();
  const fake = await new FakeComfyUi([models]).start();
  fake.ran = [workflow('tiny-anime.safetensors'), workflow('another.safetensors')];
  const host = await open('comfyui', fake.server.url);
  const [model] = await host.listModels();
  if (!model) throw new Error('it lists no model');
  expect((await host.guessDrawing(model)).draws).toEqual({
    ...{ drawSteps: 6, drawCfg: 1.5, drawSampler: 'Euler a', clipSkip: 2 },
    ...{ width: 832, height: 1216, negative: 'blurry, lowres' },
  });
  fake.ran = [
    { ...workflow('tiny-anime.safetensors'), '5': { class_type: 'LoadImage', inputs: {} } },
  ];
  const another = await open('comfyui', fake.server.url);
  expect(await another.guessDrawing(model)).toEqual(noGuess);
});

it.each<[string, string | undefined, Graph]>([
  ['of a primitive', 'ugly', { '9': encoded(['13', 0]), '13': given({ value: 'ugly' }) }],
  ['of SDXL', 'ugly', { '9': given({ text_g: 'ugly', text_l: 'ugly' }) }],
  [
    'zeroed',
    '',
    { '9': { class_type: 'ConditioningZeroOut', inputs: { conditioning: ['11', 0] } } },
  ],
  ['of a wildcard', undefined, { '9': encoded(['13', 0]), '13': given({ wildcard: 'x' }) }],
  ['that goes in circles', undefined, { '9': given({ conditioning: ['9', 0] }) }],
  ['that leads nowhere', undefined, { '9': encoded(['99', 0]) }],
])('a negative prompt %s in ComfyUI', (_, negative, nodes) => {
  const graph = { ...workflow('tiny-anime.safetensors'), ...nodes };
  expect(drawingOf(graphSchema.parse(graph), 'tiny-anime.safetensors')?.negative).toBe(negative);
});

it('ComfyUI draws with the job’s clip skip', async () => {
  const models = makeModels();
  const fake = await new FakeComfyUi([models]).start();
  const host = await open('comfyui', fake.server.url);
  await host.draw({
    model: 'tiny-anime.safetensors',
    ...hostRequestOf(settings, picture),
  });
  const [graph] = fake.graphs;
  expect(graph?.['2']?.inputs.clip).toEqual(['9', 0]);
  expect(graph?.['9']).toMatchObject({
    class_type: 'CLIPSetLastLayer',
    inputs: { stop_at_clip_layer: -2, clip: ['1', 1] },
  });
});
