import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import sharp from 'sharp';

import { replaceFile } from '../../../src/checkpoint/atomic-file.ts';
import { pathExists } from '../../../src/checkpoint/output-path.ts';

/**
 * Writes the pictures of a sheet, which are side by side, as files of their own where they are not there yet.
 *
 * @param side of a picture in pixels
 * @returns the files, row by row, in the folder
 */
export async function unpackSheet(sheet: string, side: number, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const { width, height } = await sharp(sheet).metadata();
  const columns = width / side;
  const files: string[] = [];
  for (let at = 0; at < (columns * height) / side; at++) {
    const file = path.join(folder, `${String(at).padStart(4, '0')}.png`);
    files.push(file);
    // Another run may be reading the folder.
    if (await pathExists(file)) continue;
    const [left, top] = [(at % columns) * side, Math.floor(at / columns) * side];
    const picture = sharp(sheet).extract({ left, top, width: side, height: side });
    await replaceFile(file, await picture.png().toBuffer());
  }
  return files;
}
