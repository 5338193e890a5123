import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';

import { encodePng } from '../../src/images/png.ts';
import { embedPicture } from '../../src/report/embed-picture.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

async function pictureFile(size: number): Promise<string> {
  const file = path.join(makeTemporaryFolder(), 'picture.png');
  const data = createGenerator(size).uniform(3 * size * size);
  writeFileSync(file, await encodePng({ data, width: size, height: size }));
  return file;
}

const bytesOf = (address: string | null) => Buffer.from(address?.split(',')[1] ?? '', 'base64');

it('a large picture is made smaller, whatever it shows', async () => {
  const address = await embedPicture(await pictureFile(512), 384);
  expect(address).toMatch(/^data:image\/webp;base64,[A-Za-z0-9+/]+=*$/);
  const webp = bytesOf(address);
  expect(await sharp(webp).metadata()).toMatchObject({ width: 384, height: 384 });
  // Noise, the most that a picture can take.
  expect(webp.length).toBeLessThan(150_000);
});

it('a small picture keeps every pixel', async () => {
  const file = await pictureFile(64);
  const webp = bytesOf(await embedPicture(file, 384));
  expect(await sharp(webp).raw().toBuffer()).toEqual(await sharp(file).raw().toBuffer());
});

it('a picture that is gone is left out', async () => {
  expect(await embedPicture(path.join(makeTemporaryFolder(), 'gone.png'), 384)).toBeNull();
});
