import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openSafetensors } from '../../src/checkpoint/safetensors-reader.ts';
import { rounds } from '../helpers/long.ts';
import { maxDifference } from '../helpers/max-difference.ts';
import { maxAbs } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { describeOnWebgpu } from '../helpers/webgpu.ts';

const tiny = path.resolve('presets/tiny-sd');
const model = path.join(tiny, 'tiny-sd.safetensors');
const cli = path.resolve('src/bin.mjs');

/** A step that trains all of a UNet is compared in outer-step-webgpu.test.ts. */
const sets = rounds({ few: ['xattn'], many: ['xattn', 'full'] });

describeOnWebgpu('erase --device webgpu', () => {
  // What is not trained stays half precision in the file; all that is trained is fed as float32.
  it.each(sets)(
    'trains %s in two steps as --device cpu does',
    async (train) => {
      const folder = makeTemporaryFolder();
      for (const set of ['forget-pontilla', 'retain']) copyPictures(set, path.join(folder, set));
      await Promise.all(['cpu', 'webgpu'].map((device) => erase(folder, { device, train })));

      const result = (device: string) =>
        openSafetensors(path.join(folder, `${device}.safetensors`));
      const [before, onCpu, onWebgpu] = [
        await openSafetensors(model),
        await result('cpu'),
        await result('webgpu'),
      ];
      const squares = { change: 0, difference: 0 };
      for (const name of before.tensors.keys()) {
        if (!name.startsWith('model.diffusion_model.')) continue;
        const start = await before.readFloat32(name);
        const expected = await onCpu.readFloat32(name);
        const actual = await onWebgpu.readFloat32(name);
        expect(maxDifference(actual, expected), name).toBeLessThan(1e-3 * maxAbs(expected));
        squares.change += distanceSquare(expected, start);
        squares.difference += distanceSquare(actual, expected);
      }
      for (const file of [before, onCpu, onWebgpu]) await file.close();
      // The tensors hardly move in two steps: the moves too must agree.
      expect(squares.change).toBeGreaterThan(0);
      expect(Math.sqrt(squares.difference / squares.change)).toBeLessThan(0.01);
      // A second each on a GPU; the software driver takes minutes, on a busy machine many.
    },
    1_800_000,
  );
});

/** The first two of a shipped set of pictures, with their captions. */
function copyPictures(set: string, folder: string): void {
  mkdirSync(folder);
  const source = path.join(tiny, 'images', set);
  for (const name of readdirSync(source).sort().slice(0, 4)) {
    cpSync(path.join(source, name), path.join(folder, name));
  }
}

async function erase(
  folder: string,
  { device, train }: { device: string; train: string },
): Promise<void> {
  await promisify(execFile)(process.execPath, [
    ...[cli, 'erase', '--model', model, '--device', device, '--threads', '1', '--json'],
    ...['--forget', 'a heart in the style of Pontilla', '--retain', 'a star'],
    ...['--forget-images', path.join(folder, 'forget-pontilla')],
    ...['--retain-images', path.join(folder, 'retain')],
    ...['--train', train, '--steps', '2', '--batch', '1', '--lr', '1e-4', '--sample-every', '0'],
    ...['--evaluate', '0'],
    // 16 bits would be further away.
    ...['--precision', 'float32', '--data', path.join(folder, `data-${device}`)],
    ...['--out', path.join(folder, `${device}.safetensors`)],
  ]);
}

function distanceSquare(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0);
}
