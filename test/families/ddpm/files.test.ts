import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { openCheckpoint, requireErasable } from '../../../src/families/checkpoint.ts';
import { hashCheckpoint } from '../../../src/families/checkpoint-hash.ts';
import { inspectCheckpoint } from '../../../src/families/inspect.ts';
import { isModelFolder, otherFileAt, removeModel } from '../../../src/families/model-on-disk.ts';
import { openModelFiles } from '../../../src/families/open-model-files.ts';
import { writeScrubbedModel } from '../../../src/families/scrubbed-model.ts';
import { copyPixelModel } from '../../helpers/pixel-models.ts';
import { makeTemporaryFolder } from '../../helpers/temporary-folder.ts';

const weights = 'diffusion_pytorch_model.safetensors';

function copyOf(name: Parameters<typeof copyPixelModel>[1]): string {
  return copyPixelModel(path.join(makeTemporaryFolder(), name), name);
}

/** The UNet of a model alone, in one file, with its configs beside it. */
function singleFile(name: Parameters<typeof copyPixelModel>[1] = 'classes') {
  const [from, folder] = [copyOf(name), makeTemporaryFolder()];
  const file = path.join(folder, 'digits.safetensors');
  copyFileSync(path.join(from, 'unet', weights), file);
  copyFileSync(path.join(from, 'unet', 'config.json'), path.join(folder, 'config.json'));
  copyFileSync(
    path.join(from, 'scheduler', 'scheduler_config.json'),
    path.join(folder, 'scheduler_config.json'),
  );
  return { folder, file };
}

function change(file: string, values: Record<string, unknown>): void {
  const config = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...config, ...values }));
}

async function write(source: string, outputPath: string, metadata = { erase_concept: '{}' }) {
  const file = await openModelFiles(source);
  const zeros = () => Promise.resolve(new Float32Array(8));
  const replaced = new Map([['conv_norm_out.bias', zeros]]);
  await writeScrubbedModel({ source: file, outputPath, replaced, metadata });
  await file.close();
}

describe('a pixel-space model in a folder', () => {
  it('is described', async () => {
    expect(await inspectCheckpoint(copyOf('classes'))).toMatchObject({
      family: 'ddpm',
      configFile: path.join('unet', 'config.json'),
      architecture: {
        classes: { kind: 'table', classes: 10 },
        sampleSize: { height: 16, width: 16 },
        noise: { betaSchedule: 'linear', timesteps: 1000, clip: 1, variance: 'small' },
        assumptions: [],
      },
      erasing: { supported: true, reason: null },
    });
  });

  it('may be that of its UNet, with the scheduler in the folder of the whole', async () => {
    const folder = copyOf('timestep');
    const unet = path.join(folder, 'unet');
    expect(await isModelFolder(unet)).toBe(true);
    const { process, facts, ...checkpoint } = await openCheckpoint(unet);
    expect(facts.prediction.predictionType).toBe('v_prediction');
    const whole = await openCheckpoint(folder);
    expect(process).toEqual(whole.process);
    await whole.close();
    await checkpoint.close();
  });

  it('is hashed by what decides its pictures, and written with copies left out', async () => {
    const folder = copyOf('classes');
    const hash = await hashCheckpoint(folder);
    writeFileSync(path.join(folder, 'README.md'), 'digits');
    cpSync(path.join(folder, 'unet'), path.join(folder, 'unet_ema'), { recursive: true });
    change(path.join(folder, 'model_index.json'), { unet_ema: ['diffusers', 'UNet2DModel'] });
    writeFileSync(path.join(folder, 'unet', 'diffusion_pytorch_model.bin'), 'pickle');
    const output = `${folder}-without-3`;
    await write(folder, output);
    expect(existsSync(path.join(output, 'README.md'))).toBe(true);
    expect(existsSync(path.join(output, 'unet_ema'))).toBe(false);
    expect(existsSync(path.join(output, 'unet', 'diffusion_pytorch_model.bin'))).toBe(false);
    const index = readFileSync(path.join(output, 'model_index.json'), 'utf8');
    expect(Object.keys(JSON.parse(index) as object)).not.toContain('unet_ema');
    expect(await hashCheckpoint(output)).not.toBe(hash);
    await removeModel(output);
    expect(existsSync(output)).toBe(false);
  });

  it('whose parts lie all in one is written so', async () => {
    const folder = copyOf('celebahq');
    const file = await openModelFiles(folder);
    const first = [...file.tensors.values()].find(({ name }) => name === 'conv_norm_out.bias');
    await file.close();
    expect(first?.shape).toEqual([4]);
    const output = `${folder}-without-one`;
    const source = await openModelFiles(folder);
    await writeScrubbedModel({ source, outputPath: output, replaced: new Map(), metadata: {} });
    await source.close();
    expect(await hashCheckpoint(output)).toBe(await hashCheckpoint(folder));
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['fourier', { time_embedding_type: 'fourier' }, /time_embedding_type to "fourier"/],
    ['skip blocks', { down_block_types: ['SkipDownBlock2D', 'DownBlock2D'] }, /SkipDownBlock2D/],
    ['vectors as classes', { class_embed_type: 'identity' }, /class_embed_type to "identity"/],
    ['another scale', { resnet_time_scale_shift: 'scale_shift' }, /scale_shift/],
    ['more channels', { in_channels: 6 }, /takes 6 channels and gives 3/],
    ['another width', { block_out_channels: [16, 16] }, /as \[16, 3, 3, 3\].*as \[8, 3, 3, 3\]/],
    ['no classes', { num_class_embeds: null }, /"class_embedding.weight", of which/],
    ['odd groups', { norm_num_groups: 5 }, /norm_num_groups to 5, which does not divide 8/],
  ])('is refused for %s', async (_what, values, message) => {
    const folder = copyOf('classes');
    change(path.join(folder, 'unet', 'config.json'), values);
    await expect(openCheckpoint(folder)).rejects.toThrow(message);
  });

  it('with a VAE is refused by what it has', async () => {
    const folder = copyOf('classes');
    change(path.join(folder, 'model_index.json'), { vqvae: ['diffusers', 'VQModel'] });
    await expect(openCheckpoint(folder)).rejects.toThrow(/names "vqvae"/);
  });

  it('with pickles alone is refused with what to do', async () => {
    const folder = copyOf('classes');
    const unet = path.join(folder, 'unet');
    renameSync(path.join(unet, weights), path.join(unet, 'diffusion_pytorch_model.bin'));
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'checkpoint.not-safetensors',
    });
  });
});

describe('a pixel-space model in a single file', () => {
  it('is a model with the configs of its folder, or with those called after it', async () => {
    const { folder, file } = singleFile();
    expect(await otherFileAt(file)).toBeNull();
    const beside = await openCheckpoint(file);
    requireErasable(beside);
    await beside.close();
    renameSync(path.join(folder, 'config.json'), path.join(folder, 'digits.json'));
    renameSync(
      path.join(folder, 'scheduler_config.json'),
      path.join(folder, 'digits.scheduler.json'),
    );
    const named = await openCheckpoint(file);
    expect(named.process).toEqual(beside.process);
    expect(named.parts).toEqual(beside.parts);
    await named.close();
  });

  it('without a config is refused with where to put one', async () => {
    const { folder, file } = singleFile();
    writeFileSync(path.join(folder, 'digits.json'), '{"description":"of a manager of models"}');
    rmSync(path.join(folder, 'config.json'));
    await expect(openCheckpoint(file)).rejects.toThrow(/Put its config.json beside it/);
  });

  it('has a result with configs of its own, which goes with them', async () => {
    const { file } = singleFile();
    const other = makeTemporaryFolder();
    mkdirSync(other, { recursive: true });
    const output = path.join(other, 'digits-without-3.safetensors');
    await write(file, output);
    const [original, result] = [await openCheckpoint(file), await openCheckpoint(output)];
    expect(result.process).toEqual(original.process);
    expect(result.parts).toEqual(original.parts);
    await original.close();
    await result.close();
    await removeModel(output);
    expect(existsSync(path.join(other, 'digits-without-3.json'))).toBe(false);
    expect(existsSync(path.join(other, 'digits-without-3.scheduler.json'))).toBe(false);
  });
});
