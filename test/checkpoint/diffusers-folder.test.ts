import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import {
  type Architecture,
  modelShapes,
} from '../../src/families/stable-diffusion/architecture.ts';
import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { hashCheckpoint } from '../../src/families/checkpoint-hash.ts';
import { requireComparable } from '../../src/families/compare-checkpoints.ts';
import { inspectCheckpoint } from '../../src/families/inspect.ts';
import { requireFiniteWeights } from '../../src/checkpoint/nan-scan.ts';
import { chooseOutputPath } from '../../src/checkpoint/output-name.ts';
import { modelTitle, resultFolderOf } from '../../src/checkpoint/output-path.ts';
import { readVocabulary } from '../../src/erase/vocabulary.ts';
import { weightsFolder } from '../../src/families/checkpoint-weights.ts';
import { shardUnet, writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const singleFile = path.resolve('presets/tiny-sd/tiny-sd.safetensors');

const makeTinyFolder = (form: Parameters<typeof writeTinySdFolder>[1] = {}) =>
  writeTinySdFolder(path.join(makeTemporaryFolder(), 'tiny-v1.5'), form);

async function open(modelPath: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(modelPath);
  onTestFinished(() => checkpoint.file.close());
  return checkpoint;
}

/** Every tensor of the models has the same type, shape and bytes in both. */
async function expectSameTensors(folder: string): Promise<void> {
  const [ours, file] = [await open(folder), await open(singleFile)];
  // What they predict is known from elsewhere.
  const layout = ({ prediction: _, assumptions: __, ...rest }: Architecture) => rest;
  expect(layout(asStableDiffusion(ours).architecture)).toEqual(
    layout(asStableDiffusion(file).architecture),
  );
  for (const [name] of modelShapes(asStableDiffusion(file).architecture)) {
    const { dtype, shape } = file.file.tensors.get(name)!;
    expect(ours.file.tensors.get(name), name).toMatchObject({ name, dtype, shape });
    const bytes = await ours.file.readTensor(name);
    // Not toEqual: that takes minutes for a table of tokens.
    expect(Buffer.compare(bytes, await file.file.readTensor(name)), name).toBe(0);
  }
}

describe('a diffusers folder', () => {
  it.each([
    ['as diffusers writes it', {}],
    ['with names of diffusers before 0.16', { hasOldNames: true }],
    ['of a variant', { variant: '.fp16' }],
    ['of a variant of another name', { variant: '.non_ema' }],
  ])('%s is the same model as the single file', async (_, form) => {
    await expectSameTensors(makeTinyFolder(form));
  });

  it('with its UNet in several files is the same model', async () => {
    const folder = makeTinyFolder();
    shardUnet(folder);
    rmSync(path.join(folder, 'unet/diffusion_pytorch_model.safetensors'));
    await expectSameTensors(folder);
  });

  it('is read from the plain files where there are variants too', async () => {
    const folder = makeTinyFolder();
    writeFileSync(path.join(folder, 'unet/diffusion_pytorch_model.fp16.safetensors'), 'broken');
    await expectSameTensors(folder);
  });

  it('may be a snapshot in the cache of downloads, links to files elsewhere', async () => {
    const cache = path.join(makeTemporaryFolder(), 'models--someone--tiny');
    const snapshot = path.join(cache, 'snapshots', 'f00d');
    writeTinySdFolder(snapshot);
    const blobs = path.join(cache, 'blobs');
    mkdirSync(blobs);
    for (const part of ['unet', 'vae', 'text_encoder']) {
      for (const name of readdirSync(path.join(snapshot, part))) {
        const from = path.join(snapshot, part, name);
        renameSync(from, path.join(blobs, `${part}-${name}`));
        symlinkSync(path.join(blobs, `${part}-${name}`), from);
      }
    }
    await expectSameTensors(snapshot);
    expect(weightsFolder(await open(snapshot))).toBe(blobs);
    // Web UIs list one snapshot of each: a result goes beside the cache's folder of the model.
    expect(resultFolderOf(snapshot)).toBe(path.dirname(cache));
    expect(modelTitle(snapshot)).toBe('someone--tiny');
    expect(await chooseOutputPath(snapshot, 'red')).toBe(
      path.join(path.dirname(cache), 'someone--tiny-without-red'),
    );
  });

  it('is described, and named by its whole name', async () => {
    const folder = makeTinyFolder();
    const description = await inspectCheckpoint(folder);
    expect(description).toMatchObject({
      file: 'tiny-v1.5',
      family: 'sd1',
      precisions: ['F16', 'I64'],
      configFile: path.join('unet', 'config.json'),
      eraseConcept: null,
      erasing: { supported: true, reason: null },
      parts: { unet: { parameters: 4_307_396 } },
    });
    expect(await chooseOutputPath(folder, 'red')).toBe(`${folder}-without-red`);
    expect(modelTitle(folder)).toBe('tiny-v1.5');
  });

  it('has a vocabulary beside the config of its text encoder', async () => {
    const words = await readVocabulary(await open(makeTinyFolder()));
    expect(words).toEqual(await readVocabulary(await open(singleFile)));
  });

  it('has a hash of what decides its pictures, and of nothing else', async () => {
    const folder = makeTinyFolder();
    const hash = await hashCheckpoint(folder);
    writeFileSync(path.join(folder, 'preview.png'), 'a picture');
    expect(await hashCheckpoint(folder)).toBe(hash);
    expect(await hashCheckpoint(makeTinyFolder())).toBe(hash);
    const config = path.join(folder, 'scheduler/scheduler_config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('0.012', '0.013'));
    expect(await hashCheckpoint(folder)).not.toBe(hash);
  });

  it('is compared with a single file, and scanned for NaN', async () => {
    const folder = makeTinyFolder();
    const [ours, file] = [await open(folder), await open(singleFile)];
    await expect(requireComparable(ours, file)).rejects.toMatchObject({ code: 'model.identical' });
    await requireFiniteWeights(ours.file);
    const weights = path.join(folder, 'unet/diffusion_pytorch_model.safetensors');
    const bytes = readFileSync(weights);
    bytes.writeUInt16LE(0x7e00, bytes.length - 2);
    writeFileSync(weights, bytes);
    await expect(requireFiniteWeights((await open(folder)).file)).rejects.toMatchObject({
      code: 'checkpoint.nan',
    });
  });
});

type Change = (folder: string) => void;

/** Sets values in a JSON file of the folder; undefined takes one out. */
const setIn =
  (file: string, values: Record<string, unknown>): Change =>
  (folder) => {
    const target = path.join(folder, file);
    const config = JSON.parse(readFileSync(target, 'utf8')) as object;
    writeFileSync(target, JSON.stringify({ ...config, ...values }));
  };
const remove =
  (file: string): Change =>
  (folder) => {
    rmSync(path.join(folder, file), { recursive: true });
  };
const unetWeights = 'unet/diffusion_pytorch_model.safetensors';
const unetIndex = `${unetWeights}.index.json`;
const withIndex =
  (weightMap: object): Change =>
  (folder) => {
    writeFileSync(path.join(folder, unetIndex), JSON.stringify({ weight_map: weightMap }));
  };

describe('a diffusers folder is refused', () => {
  it.each<[string, Change, string, RegExp]>([
    [
      'without index',
      remove('model_index.json'),
      'checkpoint.not-safetensors',
      /model_index\.json/,
    ],
    ['without VAE', remove('vae'), 'checkpoint.damaged', /lacks ".*vae.config\.json"/],
    ['without weights', remove(unetWeights), 'checkpoint.damaged', /unet" has no weights/],
    [
      'without scheduler',
      remove('scheduler'),
      'checkpoint.damaged',
      /lacks ".*scheduler_config\.json"/,
    ],
    [
      'with pickles only',
      (folder) => {
        renameSync(path.join(folder, unetWeights), path.join(folder, 'unet/model.bin'));
      },
      'checkpoint.not-safetensors',
      /can run code.*save_pretrained/,
    ],
    [
      'of the SDXL refiner',
      setIn('model_index.json', {
        text_encoder: [null, null],
        text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
      }),
      'model.unsupported',
      /SDXL refiner.*Use the base model/,
    ],
    [
      "with the index of an SDXL's",
      setIn('model_index.json', {
        text_encoder_2: ['transformers', 'CLIPTextModelWithProjection'],
      }),
      'checkpoint.damaged',
      /lacks ".*text_encoder_2.config\.json"/,
    ],
    [
      'with the UNet config of an SD 2.x',
      setIn('unet/config.json', { use_linear_projection: true }),
      'checkpoint.config',
      /use_linear_in_transformer true.*has false/,
    ],
    [
      'of a UNet that is told of something else',
      setIn('unet/config.json', { addition_embed_type: 'image' }),
      'model.unsupported',
      /addition_embed_type to "image"/,
    ],
    [
      'of an unCLIP model',
      setIn('unet/config.json', { class_embed_type: 'projection' }),
      'model.unsupported',
      /class_embed_type to "projection"/,
    ],
    [
      'of a model without UNet',
      setIn('model_index.json', { transformer: ['diffusers', 'FluxTransformer2DModel'] }),
      'model.unsupported',
      /no UNet/,
    ],
    [
      'of a class of its own',
      setIn('model_index.json', { vae: ['diffusers', 'AutoencoderTiny'] }),
      'model.unsupported',
      /"AutoencoderTiny" as vae/,
    ],
    [
      'that is computed in another way',
      setIn('unet/config.json', { time_cond_proj_dim: 256 }),
      'model.unsupported',
      /time_cond_proj_dim to 256/,
    ],
    [
      'with heads that do not divide',
      setIn('unet/config.json', { attention_head_dim: 7 }),
      'checkpoint.config',
      /7 attention heads/,
    ],
    [
      'with the config of another model',
      setIn('unet/config.json', { block_out_channels: [320, 640, 1280, 1280] }),
      'checkpoint.config',
      /model_channels 320.*has 64/,
    ],
    [
      'with the text encoder config of another model',
      setIn('text_encoder/config.json', { hidden_size: 768 }),
      'checkpoint.config',
      /64 wide.*768/,
    ],
    [
      'with another schedule',
      setIn('scheduler/scheduler_config.json', { beta_schedule: 'squaredcos_cap_v2' }),
      'checkpoint.config',
      /beta_schedule/,
    ],
    [
      'with betas of its own',
      setIn('scheduler/scheduler_config.json', { trained_betas: [0.1, 0.2] }),
      'model.unsupported',
      /trained_betas/,
    ],
    [
      'with a config that is no JSON',
      (folder) => {
        writeFileSync(path.join(folder, 'vae/config.json'), '<html>');
      },
      'checkpoint.config',
      /is not JSON/,
    ],
    [
      'with an index that lists a file that is not there',
      withIndex({ a: 'diffusion_pytorch_model-00001-of-00002.safetensors' }),
      'checkpoint.damaged',
      /which is not there/,
    ],
    [
      'with an index that leads out of the folder',
      withIndex({ a: '../../other.safetensors' }),
      'checkpoint.damaged',
      /no \.safetensors file beside it/,
    ],
    ['with an empty index', withIndex({}), 'checkpoint.damaged', /lists 0 files/],
    [
      'with a tensor under two names',
      (folder) => {
        writeTinySdFolder(path.join(folder, 'older'), { hasOldNames: true });
        const vae = 'vae/diffusion_pytorch_model';
        const names = ['1', '2'].map((number) => `${vae}-${number}.safetensors`);
        renameSync(path.join(folder, `${vae}.safetensors`), path.join(folder, names[0]!));
        renameSync(path.join(folder, `older/${vae}.safetensors`), path.join(folder, names[1]!));
        const weightMap = Object.fromEntries(names.map((name) => [name, path.basename(name)]));
        const index = path.join(folder, `${vae}.safetensors.index.json`);
        writeFileSync(index, JSON.stringify({ weight_map: weightMap }));
      },
      'checkpoint.damaged',
      /has already/,
    ],
    [
      'with weights that were cut off',
      (folder) => {
        const file = path.join(folder, unetWeights);
        writeFileSync(file, readFileSync(file).subarray(0, -100));
      },
      'checkpoint.damaged',
      /it was cut off/,
    ],
    [
      'with a UNet that lacks a layer',
      (folder) => {
        const file = path.join(folder, unetWeights);
        const bytes = readFileSync(file);
        writeFileSync(
          file,
          bytes.toString('latin1').replace('"conv_in.bias"', '"conv_ix.bias"'),
          'latin1',
        );
      },
      'checkpoint.damaged',
      /lacks the tensor "model\.diffusion_model\.input_blocks\.0\.0\.bias"/,
    ],
  ])('%s', async (_, change, code, message) => {
    const folder = makeTinyFolder();
    change(folder);
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code,
      exitStatus: 3,
      message: expect.stringMatching(message) as string,
    });
  });

  it('with more files than a model has', async () => {
    const folder = makeTinyFolder();
    mkdirSync(path.join(folder, 'pictures'));
    for (let i = 0; i < 2000; i++) writeFileSync(path.join(folder, 'pictures', `${i}.png`), '');
    await expect(openCheckpoint(folder)).rejects.toMatchObject({ code: 'model.unsupported' });
  });
});
