import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { askLikelihood, type LikelihoodTold } from '../../src/cli/ask-likelihood.ts';
import { encodePng } from '../../src/images/png.ts';
import { copyPixelModel } from '../helpers/pixel-models.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

it('the likelihood of a folder’s pictures is told by file, each under its class', async () => {
  const folder = makeTemporaryFolder();
  const model = copyPixelModel(path.join(folder, 'model'), 'classes');
  const images = path.join(folder, 'images');
  mkdirSync(images);
  const data = new Float32Array(3 * 16 * 16).map((_, i) => Math.sin(i));
  for (const name of ['1', '2', '10']) {
    writeFileSync(
      path.join(images, `${name}.png`),
      await encodePng({ data, width: 16, height: 16 }),
    );
  }
  writeFileSync(path.join(images, '2.txt'), '7');
  const ask = async (asked: number | undefined) => {
    const told: LikelihoodTold[] = [];
    await askLikelihood(
      {
        ...{ model, images, levels: 3, seed: 0, device: 'cpu', threads: 1, count: 2 },
        ...(asked !== undefined && { class: asked }),
      },
      (event) => told.push(event),
    );
    const found = told.find((event) => event.event === 'likelihood');
    return found?.pictures.map(({ file, bits }) => [path.basename(file), bits]) ?? [];
  };
  const [one, two] = await ask(3);
  expect([one?.[0], two?.[0]]).toEqual(['1.png', '2.png']);
  const [other, same] = await ask(4);
  expect(other?.[1]).not.toBe(one?.[1]);
  // Its caption says its class.
  expect(same?.[1]).toBe(two?.[1]);
  await expect(ask(undefined)).rejects.toThrow(
    /nothing says which class ".*1\.png" is of.*--class N/,
  );
});
