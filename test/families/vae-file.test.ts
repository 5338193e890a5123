import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { type Checkpoint, openCheckpoint, requireErasable } from '../../src/families/checkpoint.ts';
import { requireComparable } from '../../src/families/compare-checkpoints.ts';
import { inspectCheckpoint } from '../../src/families/inspect.ts';
import { vaeShapes } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';
import { writeTinyVae, writeTinyWithoutVae } from '../helpers/tiny-sd-parts.ts';

const tinySd = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
const place = { device: 'cpu', threads: 1 } as const;

let folder = '';
let without = '';

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'vae-file-'));
  without = await writeTinyWithoutVae(folder);
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function draw(model: string, vae?: string): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(model, undefined, { vae });
  onTestFinished(() => checkpoint.close());
  requireErasable(checkpoint);
  await checkpoint.codec.requireFitting(place);
  const decoder = await checkpoint.codec.openDecoder({ width: 64, height: 64, ...place });
  const { data } = await decoder.decode(createGenerator(1).randn(4 * 64));
  await decoder.release();
  return data;
}

const vaeAt = (name: string) => path.join(folder, name);

/** Tensors of zeros with these shapes. */
async function writeZeros(
  name: string,
  shapes: Iterable<readonly [string, readonly number[]]>,
): Promise<string> {
  const entries = [...shapes].map(([key, shape]) => ({
    ...{ name: key, shape },
    elements: () => Promise.resolve(new Float32Array(elementCount(shape))),
  }));
  await writeTensorFile(vaeAt(name), entries, {});
  return vaeAt(name);
}

describe('a checkpoint without a VAE', () => {
  it('draws with one in whatever names, as with its own', async () => {
    const own = await draw(tinySd);
    const diffusers = path.join(
      writeTinySdFolder(vaeAt('diffusers')),
      'vae/diffusion_pytorch_model.safetensors',
    );
    for (const vae of [
      await writeTinyVae(vaeAt('bare.safetensors')),
      await writeTinyVae(vaeAt('prefixed.safetensors'), { prefix: 'first_stage_model.' }),
      diffusers,
      tinySd,
    ]) {
      expect(await draw(without, vae), vae).toEqual(own);
    }
  }, 60_000);

  it('takes the one that lies beside it, else is refused with what to do', async () => {
    const { parts, erasing } = await inspectCheckpoint(without);
    expect(parts?.vae).toBeNull();
    expect(erasing).toEqual({ supported: true, reason: null });
    await expect(draw(without)).rejects.toThrow(/"no-vae.safetensors" holds no VAE.*--vae\.$/);
    const lonely = vaeAt('lonely.safetensors');
    copyFileSync(without, lonely);
    copyFileSync(without.replace('.safetensors', '.yaml'), lonely.replace('.safetensors', '.yaml'));
    await writeTinyVae(vaeAt('lonely.vae.safetensors'));
    expect(await draw(lonely)).toEqual(await draw(tinySd));
  }, 60_000);
});

describe('a VAE of another kind', () => {
  it('is refused by what it makes of pictures, where its shapes fit', async () => {
    const larger = await writeTinyVae(vaeAt('larger.safetensors'), { latents: 0.18215 / 0.13025 });
    await expect(draw(without, larger)).rejects.toThrow(
      /latents that spread by 1\.3\d once.*of SDXL if of any.*--vae\.$/,
    );
    // Also in the place of a VAE of its own.
    await expect(draw(tinySd, larger)).rejects.toThrow(/latents that spread/);
  }, 60_000);

  it.each([
    [
      'Flux',
      vaeShapes({ ...small(), zChannels: 16, embedDim: 16 }),
      /latents of 16 channels, as those of Flux/,
    ],
    ['TAESD', [['decoder.layers.0.weight', [4, 4, 3, 3]]] as const, /previews \(TAESD\)/],
    ['VQ', [['quantize.embedding.weight', [8, 4]]] as const, /quantised \(VQ\)/],
    [
      'a decoder alone',
      [...vaeShapes(small())].filter(([name]) => !name.includes('.encoder.')),
      /without its encoder/,
    ],
    ['a LoRA', [['lora_unet_x.lora_up.weight', [4, 4]]] as const, /holds no VAE/],
  ])('is refused by its tensors: %s', async (name, shapes, message) => {
    const vae = await writeZeros(`${name}.safetensors`, shapes);
    await expect(openCheckpoint(without, undefined, { vae })).rejects.toThrow(message);
  });

  it('is told from the one of the model before, and the same is not', async () => {
    const bare = await writeTinyVae(vaeAt('same.safetensors'));
    const other = await writeTinyVae(vaeAt('other.safetensors'), { latents: 1.001 });
    const open = (vae?: string): Promise<Checkpoint> => openCheckpoint(tinySd, undefined, { vae });
    const [own, same, unlike] = [await open(), await open(bare), await open(other)];
    await expect(requireComparable(own, same)).rejects.toThrow(/same weights/);
    await expect(requireComparable(own, unlike)).rejects.toThrow(/different VAEs/);
    for (const checkpoint of [own, same, unlike]) await checkpoint.close();
  });
});

function small() {
  return {
    ...{ ch: 32, chMult: [1, 1, 2, 2], numResBlocks: 1, imageChannels: 3, zChannels: 4 },
    ...{ embedDim: 4, attentionLevels: [], scaleFactor: 1 },
  };
}
