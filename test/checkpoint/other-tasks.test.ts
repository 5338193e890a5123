import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import { inspectCheckpoint } from '../../src/families/inspect.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { writeTinySdFolder } from '../helpers/tiny-sd-folder.ts';

/** tiny-sd as a folder whose UNet takes further channels beside the latents. */
async function writeWithChannels(channels: number): Promise<string> {
  const folder = writeTinySdFolder(makeTemporaryFolder());
  const weights = path.join(folder, 'unet/diffusion_pytorch_model.safetensors');
  const file = await openSafetensors(weights);
  const entries = [];
  for (const { name, shape } of file.tensors.values()) {
    const values = await file.readFloat32(name);
    if (name !== 'conv_in.weight') {
      entries.push({ name, shape, elements: () => Promise.resolve(values) });
      continue;
    }
    const wider = [shape[0] ?? 0, channels, 3, 3];
    const padded = new Float32Array(wider.reduce((a, b) => a * b));
    for (let out = 0; out < (shape[0] ?? 0); out++) {
      padded.set(values.subarray(out * 36, (out + 1) * 36), out * channels * 9);
    }
    entries.push({ name, shape: wider, elements: () => Promise.resolve(padded) });
  }
  await file.close();
  await writeTensorFile(weights, entries, {});
  const config = path.join(folder, 'unet/config.json');
  const settings = JSON.parse(readFileSync(config, 'utf8')) as object;
  writeFileSync(config, JSON.stringify({ ...settings, in_channels: channels }));
  return folder;
}

// Of single files: test/checkpoint/inspect.test.ts.
it.each([
  [9, /an inpainting model .*9 channels.*Erase the concept from the base model/],
  [8, /an instruct-pix2pix model.*8 channels/],
  [5, /a depth-to-image model: its UNet takes 5/],
])(
  'a folder of a model for another task is refused by name: %i channels',
  async (channels, reason) => {
    const { erasing } = await inspectCheckpoint(await writeWithChannels(channels));
    expect(erasing).toEqual({ supported: false, reason: expect.stringMatching(reason) as string });
  },
);
