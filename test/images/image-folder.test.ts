import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import sharp from 'sharp';
import { describe, expect, it } from 'vitest';

import { readImageFolder } from '../../src/images/image-folder.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const png = await sharp({
  create: { width: 8, height: 8, channels: 3, background: '#123456' },
})
  .png()
  .toBuffer();

/** A folder of files by name; null stands for a valid PNG. */
function makeFolder(files: Record<string, string | null>): string {
  const folder = makeTemporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content ?? png);
  }
  return folder;
}

describe('readImageFolder', () => {
  it('pairs images with their captions, in natural order', async () => {
    const folder = makeFolder({
      '10.png': null,
      '2.PNG': null,
      '2.txt': ' a red star \n',
      'a.webp': null,
      'a.TXT': 'étoile',
      'b.JFIF': null,
      'b.caption': 'a\r\nmoon',
      '10.txt': ' \n',
    });
    const images = await readImageFolder(folder);
    expect(images.map(({ file, caption }) => [basename(file), caption])).toEqual([
      ['2.PNG', 'a red star'],
      ['10.png', undefined],
      ['a.webp', 'étoile'],
      ['b.JFIF', 'a moon'],
    ]);
    expect(images[0]!.file).toBe(join(folder, '2.PNG'));
  });

  it('names a caption that is no text', async () => {
    const folder = makeFolder({ '1.png': null });
    writeFileSync(join(folder, '1.txt'), Buffer.from('caf\xe9', 'latin1'));
    await expect(readImageFolder(folder)).rejects.toMatchObject({
      code: 'image.unreadable',
      message: expect.stringMatching(
        /"1.txt" in folder .* is not UTF-8.*save it as UTF-8/,
      ) as string,
    });
  });

  it('passes over hidden files and what desktops leave behind', async () => {
    const folder = makeFolder({ '1.png': null, '.DS_Store': 'x', 'Thumbs.db': 'x' });
    expect(await readImageFolder(folder)).toHaveLength(1);
  });

  it.each([
    ['notes.md', 'neither a PNG, JPEG or WebP image nor a caption'],
    ['animation.gif', 'neither a PNG'],
    ['lonely.txt', 'a caption without its image'],
  ])('names %s as what does not belong', async (name, reason) => {
    await expect(readImageFolder(makeFolder({ '1.png': null, [name]: 'x' }))).rejects.toMatchObject(
      {
        code: 'image.unreadable',
        message: expect.stringMatching(`"${name}" in folder .* is ${reason}`) as string,
      },
    );
  });

  it('names an image that is none inside', async () => {
    const folder = makeFolder({ '1.png': null, '2.png': 'not a picture' });
    await expect(readImageFolder(folder)).rejects.toThrow(/"2.png" is not a PNG, JPEG or WebP/);
  });

  it('refuses folders within, rather than pass over the images in them', async () => {
    const folder = makeFolder({ '1.png': null });
    mkdirSync(join(folder, 'more'));
    await expect(readImageFolder(folder)).rejects.toThrow(/"more" in folder .* is a folder/);
  });

  it('refuses a caption of absurd length', async () => {
    const folder = makeFolder({ '1.png': null, '1.txt': 'x'.repeat(20_000) });
    await expect(readImageFolder(folder)).rejects.toThrow(/"1.txt" in folder .* has 20000 bytes/);
  });

  it('refuses an empty folder and one that is not there', async () => {
    const folder = makeTemporaryFolder();
    await expect(readImageFolder(folder)).rejects.toMatchObject({ code: 'image.none' });
    await expect(readImageFolder(join(folder, 'no'))).rejects.toMatchObject({ code: 'image.none' });
  });
});
