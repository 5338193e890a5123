import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ImageDecoder, ImageEncoder } from '../../src/families/stable-diffusion/autoencoder.ts';
import { type Grid, inTiles, spread } from '../../src/families/stable-diffusion/tiles.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

describe('tiles', () => {
  it.each([
    [8, 8, 2, [0]],
    [5, 8, 2, [0]],
    [9, 8, 2, [0, 1]],
    [14, 8, 2, [0, 6]],
    [15, 8, 2, [0, 4, 7]],
    [128, 64, 16, [0, 32, 64]],
  ])('of %i cells, %i at a time, %i in common, begin at %j', (length, tile, overlap, starts) => {
    expect(spread(length, tile, overlap)).toEqual(starts);
  });

  const grid = (channels: number, height: number, width: number): Grid => ({
    data: createGenerator(3).randn(channels * height * width),
    ...{ channels, height, width },
  });
  const tile = { height: 4, width: 5, overlap: 2 };

  it('put together what they were cut from', async () => {
    const input = grid(2, 11, 13);
    const same = await inTiles(input, { tile, scale: { input: 1, output: 1 } }, (part) =>
      Promise.resolve(part),
    );
    expect({ ...same, data: null }).toEqual({ ...input, data: null });
    same.data.forEach((value, i) => {
      expect(value).toBeCloseTo(input.data[i]!, 5);
    });
  });

  it('come out at another scale and with other channels, each where it belongs', async () => {
    const input = grid(1, 6 * 2, 7 * 2);
    const made = await inTiles(input, { tile, scale: { input: 2, output: 1 } }, (part) => {
      const [height, width] = [part.height / 2, part.width / 2];
      const data = Float32Array.from({ length: 2 * height * width }, (_, i) => {
        const [y, x] = [Math.floor((i % (height * width)) / width), i % width];
        const first = part.data[2 * y * part.width + 2 * x]!;
        return i < height * width ? first : -first;
      });
      return Promise.resolve({ data, channels: 2, height, width });
    });
    expect({ ...made, data: null }).toEqual({ data: null, channels: 2, height: 6, width: 7 });
    for (const [y, x] of [
      [0, 0],
      [3, 4],
      [5, 6],
    ] as const) {
      const expected = input.data[2 * y * input.width + 2 * x]!;
      expect(made.data[y * 7 + x]).toBeCloseTo(expected, 5);
      expect(made.data[42 + y * 7 + x]).toBeCloseTo(-expected, 5);
    }
  });

  it('fade into each other without a step', async () => {
    let count = 0;
    const input = { data: new Float32Array(20), channels: 1, height: 1, width: 20 };
    const size = { height: 1, width: 12, overlap: 4 };
    const made = await inTiles(input, { tile: size, scale: { input: 1, output: 1 } }, (part) => {
      const data = new Float32Array(part.data.length).fill(count++);
      return Promise.resolve({ ...part, data });
    });
    expect([...made.data]).toEqual([
      ...Array.from({ length: 8 }, () => 0),
      ...[0.125, 0.375, 0.625, 0.875],
      ...Array.from({ length: 8 }, () => 1),
    ]);
  });
});

describe('a VAE that takes pictures in tiles', () => {
  const run = { device: 'cpu', threads: 2 } as const;
  const tiling = { cells: 32, overlap: 8 };
  const size = { height: 320, width: 448 };
  const meanDifference = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
  const meanSize = (a: Float32Array) => a.reduce((sum, x) => sum + Math.abs(x), 0) / a.length;

  it('reads and draws them as it does whole ones', async () => {
    const model = path.resolve('presets/tiny-sd/tiny-sd.safetensors');
    const checkpoint = await openCheckpoint(model);
    const { vae } = asStableDiffusion(checkpoint);
    if (!vae) throw new Error('tiny-sd has a VAE');
    // A picture as smooth as those that the model knows.
    const { height, width } = size;
    const data = Float32Array.from(
      { length: elementCount([3, height, width]) },
      (_, i) =>
        Math.sin((i % width) / 9) * Math.cos(Math.floor((i % (width * height)) / width) / 7),
    );
    const encoded: Float32Array[] = [];
    const decoded: Float32Array[] = [];
    for (const chosen of [undefined, tiling]) {
      const encoder = await ImageEncoder.create(vae, { ...size, ...run }, chosen);
      const latents = await encoder.encode({ data, ...size }, (count) => new Float32Array(count));
      await encoder.release();
      const decoder = await ImageDecoder.create(vae, { ...size, ...run }, chosen);
      const picture = await decoder.decode(encoded[0] ?? latents);
      await decoder.release();
      expect(picture).toMatchObject(size);
      encoded.push(latents);
      decoded.push(picture.data);
    }
    await checkpoint.close();
    // Its norms and its attention see a tile instead of the whole picture.
    for (const [whole, tiled] of [encoded, decoded]) {
      expect(meanDifference(whole!, tiled!)).toBeLessThan(0.15 * meanSize(whole!));
    }
  });
});
