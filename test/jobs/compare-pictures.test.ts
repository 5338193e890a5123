import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { expect, it } from 'vitest';

import { comparePictureSets } from '../../src/jobs/request/compare-pictures.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const size = { width: 192, height: 128 };

/** Two smooth pictures that nobody takes for one. */
function paint(phase: number): Sharp {
  const { width, height } = size;
  const values = Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return Math.round(127 + 120 * Math.sin(x / 36 + phase) * Math.cos(y / 28 - (i % 3)));
  });
  return sharp(Buffer.from(values), { raw: { ...size, channels: 3 } });
}

async function makeSets(saved: Sharp): Promise<{ forget: string; retain: string }> {
  const folder = makeTemporaryFolder();
  const [forget, retain] = [path.join(folder, 'forget'), path.join(folder, 'retain')];
  for (const set of [forget, retain]) mkdirSync(set);
  writeFileSync(path.join(forget, '1.png'), await paint(0).png().toBuffer());
  writeFileSync(path.join(retain, 'a.png'), await paint(2).png().toBuffer());
  const { format } = await sharp(await saved.toBuffer()).metadata();
  writeFileSync(path.join(retain, `other.${format}`), await saved.toBuffer());
  return { forget, retain };
}

/** The picture's pixels, turned by 90 degrees back, with the EXIF entry that turns them upright. */
async function turned(): Promise<Sharp> {
  const back = await paint(0).rotate(270).png().toBuffer();
  return sharp(back).withMetadata({ orientation: 6 }).png();
}

it.each([
  ['a PNG with less compression', () => paint(0).png({ compressionLevel: 0 })],
  ['a PNG with an alpha channel', () => paint(0).ensureAlpha().png()],
  ['a WebP without loss', () => paint(0).webp({ lossless: true })],
  ['a PNG that EXIF turns', turned],
])('the same picture in both sets is refused: %s', async (_, save) => {
  const { forget, retain } = await makeSets(await save());
  await expect(comparePictureSets(forget, retain)).rejects.toMatchObject({
    code: 'image.contradiction',
    message: expect.stringMatching(/forgotten, as "1\.png", and to be kept, as "other\./) as string,
  });
});

it('pictures that are all but the same are told', async () => {
  const smaller = paint(0).resize(96, 64);
  for (const saved of [paint(0).jpeg(), paint(0).webp({ quality: 80 }), smaller.png()]) {
    const { forget, retain } = await makeSets(saved);
    expect(await comparePictureSets(forget, retain)).toEqual([
      expect.stringMatching(/all but the same: "1\.png" and "other\./),
    ]);
  }
});

it('other pictures are taken without a word', async () => {
  const { forget, retain } = await makeSets(paint(1).png());
  expect(await comparePictureSets(forget, retain)).toEqual([]);
});

it('one folder, by another name too, and a link to a picture are refused', async () => {
  const { forget, retain } = await makeSets(paint(1).png());
  const link = `${forget}-link`;
  symlinkSync(forget, link);
  for (const other of [forget, `${forget}/../forget`, link]) {
    await expect(comparePictureSets(forget, other)).rejects.toThrow('are in one folder');
  }
  symlinkSync(path.join(forget, '1.png'), path.join(retain, 'link.png'));
  await expect(comparePictureSets(forget, retain)).rejects.toThrow('as "link.png"');
});

it('a picture may be in one set twice', async () => {
  const { forget, retain } = await makeSets(paint(1).png());
  copyFileSync(path.join(forget, '1.png'), path.join(forget, '2.png'));
  expect(await comparePictureSets(forget, retain)).toEqual([]);
});
