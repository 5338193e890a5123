import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';

import { MAX_IMAGE_BYTES } from '../../src/images/image-format.ts';
import { decodeImage } from '../../src/images/decode-image.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const RED = { r: 255, g: 0, b: 0 };
const BLUE = { r: 0, g: 0, b: 255 };

/** Left half red, right half blue. */
function halves(width: number, height: number): Sharp {
  const right = { create: { width: width / 2, height, channels: 3 as const, background: BLUE } };
  return sharp({ create: { width, height, channels: 3, background: RED } }).composite([
    { input: right, left: width / 2, top: 0 },
  ]);
}

/** [r, g, b] at a pixel, rounded to tenths. */
function pixelAt(data: Float32Array, size: number, x: number, y: number): number[] {
  return [0, 1, 2].map((c) => Math.round(data[c * size * size + y * size + x]! * 10) / 10 + 0);
}

/** The start of a PNG that declares a size, and no pixels. */
function pngHeader(width: number, height: number): Buffer {
  const chunk = Buffer.from('IHDR\0\0\0\0\0\0\0\0\x08\x02\0\0\0', 'latin1');
  chunk.writeUInt32BE(width, 4);
  chunk.writeUInt32BE(height, 8);
  const file = Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\x0d', 'latin1'),
    chunk,
    Buffer.alloc(4),
  ]);
  file.writeUInt32BE(crc32(chunk), 29);
  return Buffer.concat([file, Buffer.from('\0\0\0\0IDAT\x35\xaf\x06\x1e', 'latin1')]);
}

describe('decodeImage', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('reads a %s as planes in [-1, 1]', async (format) => {
    const file = join(makeTemporaryFolder(), `a.${format}`);
    await halves(64, 64).toFormat(format).toFile(file);
    const { data, width, height } = await decodeImage(file, { width: 32, height: 32 });
    expect([width, height, data.length]).toEqual([32, 32, 3 * 32 * 32]);
    expect(pixelAt(data, 32, 4, 16)).toEqual([1, -1, -1]);
    expect(pixelAt(data, 32, 28, 16)).toEqual([-1, -1, 1]);
  });

  it('covers the size and cuts off evenly what sticks out', async () => {
    const file = join(makeTemporaryFolder(), 'wide.png');
    await halves(200, 50).png().toFile(file);
    const { data } = await decodeImage(file, { width: 48, height: 48 });
    expect(pixelAt(data, 48, 0, 0)).toEqual([1, -1, -1]);
    expect(pixelAt(data, 48, 20, 47)).toEqual([1, -1, -1]);
    expect(pixelAt(data, 48, 27, 0)).toEqual([-1, -1, 1]);
  });

  it('turns a photograph upright by its EXIF orientation', async () => {
    const file = join(makeTemporaryFolder(), 'turned.jpg');
    // Orientation 6: to be turned a quarter clockwise, so that left becomes top.
    await halves(64, 64).jpeg().withMetadata({ orientation: 6 }).toFile(file);
    const { data } = await decodeImage(file, { width: 32, height: 32 });
    expect(pixelAt(data, 32, 16, 4)).toEqual([1, -1, -1]);
    expect(pixelAt(data, 32, 16, 28)).toEqual([-1, -1, 1]);
  });

  it('lays transparent pixels on white', async () => {
    const file = join(makeTemporaryFolder(), 'clear.png');
    const background = { ...RED, alpha: 0 };
    await sharp({ create: { width: 16, height: 16, channels: 4, background } }).toFile(file);
    const { data } = await decodeImage(file, { width: 16, height: 16 });
    expect(pixelAt(data, 16, 8, 8)).toEqual([1, 1, 1]);
  });

  it.each([
    ['grey', (image: Sharp) => image.toColourspace('b-w').png()],
    ['16 bits deep', (image: Sharp) => image.toColourspace('rgb16').png()],
    ['CMYK', (image: Sharp) => image.toColourspace('cmyk').jpeg()],
    ['of a palette', (image: Sharp) => image.png({ palette: true })],
  ])('reads an image that is %s as sRGB', async (_, convert) => {
    const file = join(makeTemporaryFolder(), 'odd.img');
    const background = { r: 255, g: 255, b: 255 };
    const image = sharp({ create: { width: 16, height: 16, channels: 3, background } });
    writeFileSync(file, await convert(image).toBuffer());
    const { data } = await decodeImage(file, { width: 16, height: 16 });
    expect(pixelAt(data, 16, 8, 8)).toEqual([1, 1, 1]);
  });

  it('refuses an empty file', async () => {
    const file = join(makeTemporaryFolder(), 'empty.png');
    writeFileSync(file, '');
    await expect(decodeImage(file, { width: 8, height: 8 })).rejects.toMatchObject({
      code: 'image.unreadable',
      message: expect.stringContaining('"empty.png" is empty') as string,
    });
  });

  it('refuses 30000×30000 pixels from the header alone', async () => {
    const file = join(makeTemporaryFolder(), 'bomb.png');
    writeFileSync(file, pngHeader(30_000, 30_000));
    const started = performance.now();
    await expect(decodeImage(file, { width: 8, height: 8 })).rejects.toMatchObject({
      code: 'image.too-large',
      message: expect.stringContaining('"bomb.png" is 30000×30000 pixels') as string,
    });
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('refuses more bytes than the limit without reading them', async () => {
    const file = join(makeTemporaryFolder(), 'film.png');
    writeFileSync(file, '');
    truncateSync(file, MAX_IMAGE_BYTES + 1);
    await expect(decodeImage(file, { width: 8, height: 8 })).rejects.toMatchObject({
      code: 'image.too-large',
      message: expect.stringContaining('"film.png" has 65 MB') as string,
    });
  });

  it.each([
    ['text', 'just some text'],
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'],
    ['a GIF', 'GIF89a\x01\0\x01\0'],
  ])('refuses %s named .png', async (_, content) => {
    const file = join(makeTemporaryFolder(), 'fake.png');
    writeFileSync(file, content);
    await expect(decodeImage(file, { width: 8, height: 8 })).rejects.toMatchObject({
      code: 'image.unreadable',
      message: expect.stringContaining('"fake.png" is not a PNG, JPEG or WebP image') as string,
    });
  });

  it.each(['png', 'jpeg', 'webp'] as const)('refuses a %s that is cut short', async (format) => {
    const file = join(makeTemporaryFolder(), 'cut.img');
    const noise = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251));
    const whole = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .toFormat(format)
      .toBuffer();
    writeFileSync(file, whole.subarray(0, Math.floor(whole.length / 2)));
    await expect(decodeImage(file, { width: 64, height: 64 })).rejects.toMatchObject({
      code: 'image.unreadable',
      message: expect.stringContaining('image "cut.img" is damaged') as string,
    });
  });

  it('refuses a header that is damaged, and a file that is not there', async () => {
    const folder = makeTemporaryFolder();
    writeFileSync(join(folder, 'bad.png'), pngHeader(16, 16).subarray(0, 20));
    const size = { width: 8, height: 8 };
    await expect(decodeImage(join(folder, 'bad.png'), size)).rejects.toThrow(
      /"bad.png" is damaged/,
    );
    await expect(decodeImage(join(folder, 'no.png'), size)).rejects.toThrow(
      /cannot be read \(ENOENT/,
    );
    await expect(decodeImage(folder, size)).rejects.toMatchObject({ code: 'image.unreadable' });
  });

  it.each([0, 7.5, -8, NaN])('refuses a side of %d pixels', async (width) => {
    await expect(decodeImage('any.png', { width, height: 8 })).rejects.toMatchObject({
      code: 'settings.invalid',
    });
  });

  it('leaves the file alone', async () => {
    const file = join(makeTemporaryFolder(), 'a.png');
    await halves(16, 16).toFile(file);
    const before = readFileSync(file);
    await decodeImage(file, { width: 8, height: 8 });
    expect(readFileSync(file).equals(before)).toBe(true);
  });
});
