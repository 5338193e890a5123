import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { toRgbBytes } from '../../src/images/pixels.ts';
import { drawPictures } from '../../src/pipeline/text-to-image.ts';
import { writeTinyFamily } from '../helpers/tiny-families.ts';
import { writeTinyFamilyFolder } from '../helpers/tiny-family-folder.ts';

const tinySd = path.resolve(import.meta.dirname, '../../presets/tiny-sd/tiny-sd.safetensors');
const prompts = ['a red heart in the style of Pontilla', 'a blue star'];

async function draw(file: string): Promise<Uint8Array[]> {
  const checkpoint = await openCheckpoint(file);
  const pictures: Uint8Array[] = [];
  const requests = prompts.map((prompt, seed) => ({ prompt, negativePrompt: '', seed }));
  await drawPictures(
    checkpoint,
    requests,
    {
      ...{ width: 64, height: 64, steps: 10, guidanceScale: 5, sampler: 'DPM++ 2M', batch: 2 },
      ...{ device: 'cpu', threads: 1 },
    },
    (image) => {
      pictures.push(toRgbBytes(image));
      return Promise.resolve();
    },
  );
  await checkpoint.file.close();
  return pictures;
}

/** Mean difference of two pictures' channels, of 255. */
function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, x, i) => sum + Math.abs(x - b[i]!), 0) / a.length;
}

describe('tiny-sd as a model of another family', () => {
  let folder: string;
  let expected: Uint8Array[];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'erase-concept-families-'));
    expected = await draw(tinySd);
  }, 60_000);

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['sdxl', 0.01],
    ['sd2', 1],
  ] as const)(
    'draws as %s what it draws as SD 1, from a file and from a folder',
    async (family, bar) => {
      const place = mkdtempSync(path.join(folder, 'x'));
      const file = await writeTinyFamily(place, family);
      const pictures = await draw(file);
      expect(pictures).toHaveLength(prompts.length);
      pictures.forEach((picture, i) => {
        expect(meanDifference(picture, expected[i]!)).toBeLessThan(bar);
      });
      // The two prompts' pictures are far from each other.
      expect(meanDifference(pictures[0]!, expected[1]!)).toBeGreaterThan(20);

      const asFolder = writeTinyFamilyFolder(file, { family, folder: path.join(place, 'folder') });
      const fromFolder = await draw(asFolder);
      pictures.forEach((picture, i) => {
        expect(meanDifference(fromFolder[i]!, picture)).toBeLessThan(0.01);
      });
    },
    60_000,
  );
});
