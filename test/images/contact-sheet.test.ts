import sharp, { type Region } from 'sharp';
import { describe, expect, it } from 'vitest';

import { buildContactSheet } from '../../src/images/contact-sheet.ts';
import type { PixelImage } from '../../src/images/pixels.ts';

function plain(level: number, size = 64): PixelImage {
  return { data: new Float32Array(3 * size * size).fill(level), width: size, height: size };
}

/** Whether anything but white is in a region. */
async function hasInk(png: Buffer, region: Region): Promise<boolean> {
  const { channels } = await sharp(await sharp(png).extract(region).toBuffer()).stats();
  return channels.some(({ min }) => min < 128);
}

const titleOf = (column: number) => ({ left: 252 + 204 * column, top: 0, width: 192, height: 40 });
const labelOf = (row: number) => ({ left: 0, top: 40 + 204 * row, width: 250, height: 192 });
const cellOf = (column: number, row: number) => ({
  ...titleOf(column),
  top: labelOf(row).top,
  height: 192,
});

describe('buildContactSheet', () => {
  it('draws titles, labels and pictures, enlarged, each in its place', async () => {
    const sheet = await buildContactSheet({
      columnTitles: ['before', 'after'],
      rows: [
        { label: 'a red star in the style of Pontilla', images: [plain(-1), plain(1)] },
        { label: '', images: [plain(1), plain(-1)] },
      ],
    });
    const { width, height } = await sharp(sheet).metadata();
    expect([width, height]).toEqual([660, 448]);
    for (const region of [titleOf(0), titleOf(1), labelOf(0), cellOf(0, 0), cellOf(1, 1)]) {
      expect(await hasInk(sheet, region), JSON.stringify(region)).toBe(true);
    }
    for (const region of [labelOf(1), cellOf(1, 0), cellOf(0, 1)]) {
      expect(await hasInk(sheet, region), JSON.stringify(region)).toBe(false);
    }
  });

  it('survives labels of any length, script and content', async () => {
    const labels = ['word '.repeat(500), 'x'.repeat(500), '<b>&amp; "\u0001\ud800', '猫と星'];
    const sheet = await buildContactSheet({
      columnTitles: ['<after>'],
      rows: labels.map((label) => ({ label, images: [plain(1)] })),
    });
    for (const row of [0, 1, 2]) expect(await hasInk(sheet, labelOf(row))).toBe(true);
    // No label runs into the gap below it or into the picture.
    for (const row of [0, 1, 2, 3]) {
      const below = { left: 0, top: labelOf(row).top + 192, width: 444, height: 12 };
      expect(await hasInk(sheet, below)).toBe(false);
      expect(await hasInk(sheet, cellOf(0, row))).toBe(false);
    }
  });

  it('keeps pictures that are large enough as they are', async () => {
    const rows = [{ label: 'a', images: [plain(-1, 256)] }];
    const { width } = await sharp(
      await buildContactSheet({ columnTitles: ['x'], rows }),
    ).metadata();
    expect(width).toBe(252 + 256 + 12);
  });

  it('refuses a row with another number of pictures than columns', async () => {
    const rows = [{ label: 'odd', images: [plain(1)] }];
    await expect(buildContactSheet({ columnTitles: ['a', 'b'], rows })).rejects.toThrow(/"odd"/);
  });
});
