import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { outputsOf } from '../../src/erase/outputs.ts';
import type { AppError } from '../../src/errors.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import type { EraseRequest } from '../../src/jobs/request/draft-job.ts';
import { prepareJob } from '../../src/jobs/request/prepare-job.ts';
import { defaultAdapters } from '../../src/adapters/settings.ts';
import type { WantedSettings } from '../../src/methods/registry.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const tinyModel = 'presets/tiny-sd/tiny-sd.safetensors';
const lora = defaultAdapters.lora;

/** Prepares a job of the tiny model whose result is not beside it unless it is said. */
async function prepare(settings: WantedSettings, given: Partial<EraseRequest> = {}) {
  const dataFolder = makeTemporaryFolder();
  const request: EraseRequest = {
    model: tinyModel,
    ...{ preset: undefined, variables: {}, device: 'cpu', threads: 1, concept: undefined },
    ...{ forget: ['a red heart'], retain: ['a blue moon'], anchor: undefined },
    ...{ forgetImages: undefined, retainImages: undefined, settings },
    output: path.join(dataFolder, 'result.safetensors'),
    ...given,
  };
  const { draft, job } = await prepareJob(request, {
    ...{ dataFolder, presetFolders: [], chooseDevice: () => Promise.resolve('cpu') },
  });
  return new FolderRepository(dataFolder).addPrepared(draft, job);
}

it('a LoRA file goes into the folder of its job, under a name without dots inside', async () => {
  const folder = makeTemporaryFolder();
  const model = path.join(folder, 'v1.5.pruned.safetensors');
  copyFileSync(tinyModel, model);
  copyFileSync('presets/tiny-sd/tiny-sd.yaml', path.join(folder, 'v1.5.pruned.yaml'));
  cpSync('presets/tiny-sd/tiny-clip', path.join(folder, 'tiny-clip'), { recursive: true });
  const alone = await prepare({ adapter: lora, output: 'lora' }, { model, output: undefined });
  expect(alone.job.output).toBe(path.join(alone.path, 'v1_5_pruned-without-red-heart.safetensors'));
  expect(outputsOf(alone.job)).toEqual({ checkpoint: null, lora: alone.job.output });

  const both = await prepare({ adapter: lora });
  expect(both.job.settings).toMatchObject({ output: 'both' });
  const { checkpoint, lora: beside } = outputsOf(both.job);
  expect(checkpoint).toBe(both.job.output);
  expect(beside).toBe(path.join(both.path, 'tiny-sd-without-red-heart.safetensors'));

  const whole = await prepare({ adapter: defaultAdapters.full });
  expect(outputsOf(whole.job)).toEqual({ checkpoint: whole.job.output, lora: null });
});

it('a LoRA file goes into the folder of LoRAs of the web UI that the model lies in', async () => {
  const models = makeTemporaryFolder();
  for (const name of ['checkpoints', 'loras']) mkdirSync(path.join(models, name));
  cpSync('presets/tiny-sd', path.join(models, 'checkpoints'), { recursive: true });
  const model = path.join(models, 'checkpoints', 'tiny-sd.safetensors');
  const settings = { adapter: lora, output: 'lora' } as const;
  const { job } = await prepare(settings, { model, output: undefined });
  const place = path.join(models, 'loras', 'tiny-sd-without-red-heart.safetensors');
  expect(job).toMatchObject({ output: place, outputIsGiven: false });
  writeFileSync(place, 'of another run');
  const later = await prepare(settings, { model, output: undefined });
  expect(later.job.output).toBe(place.replace('.safetensors', '-2.safetensors'));
});

it('a LoRA file goes where it is asked to go', async () => {
  const folder = makeTemporaryFolder();
  const out = path.join(folder, 'less heart.safetensors');
  const alone = await prepare({ adapter: lora, output: 'lora' }, { output: out });
  expect(alone.job).toMatchObject({ output: out, outputIsGiven: true });
  const both = await prepare({ adapter: lora, output: 'both' }, { loraOutput: out });
  expect(outputsOf(both.job).lora).toBe(out);
});

it.each([
  [
    'whole weights',
    { adapter: defaultAdapters.full, output: 'lora' },
    {},
    /whole weights are to be trained.*--adapter lora/s,
  ],
  ['a method that solves', { method: 'uce', output: 'lora' }, {}, /"output"|output/],
  ['a dot', { output: 'lora' }, { output: '/tmp/v1.5.safetensors' }, /dot inside.*--out/s],
  ['another ending', { output: 'lora' }, { output: '/tmp/x.pt' }, /\.safetensors/],
  ['a file that is there', { output: 'lora' }, { output: tinyModel }, /exists already/],
  ['a folder that is not', { output: 'lora' }, { output: '/no/x.safetensors' }, /does not exist/],
  [
    'a second name for one file',
    { output: 'lora' },
    { loraOutput: '/tmp/x.safetensors', output: '/tmp/y.safetensors' },
    /--output both/,
  ],
  ['a dot beside', { output: 'both' }, { loraOutput: '/tmp/a.b.safetensors' }, /--lora-out/],
] as const)('a LoRA file is refused before the work: %s', async (what, settings, given, reason) => {
  const adapter =
    what === 'whole weights' || what === 'a method that solves' ? {} : { adapter: lora };
  const refused = await prepare({ ...adapter, ...settings }, given).catch(
    (error: unknown) => error as AppError,
  );
  expect(refused).toHaveProperty('exitStatus', 3);
  expect((refused as AppError).message).toMatch(reason);
});
