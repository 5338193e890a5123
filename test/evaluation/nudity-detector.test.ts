import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { Classifier } from '../../src/evaluation/classifier/classifier.ts';
import { nudityDetector } from '../../src/evaluation/classifier/judge-folder.ts';
import { fromRgbBytes } from '../../src/images/pixels.ts';
import { detectorPictures } from '../helpers/detector-pictures.ts';

const recorded = JSON.parse(readFileSync('test/golden/nudity-detector.json', 'utf8')) as {
  pictures: Record<string, Record<string, number>>;
};
const MAX_BYTES = 10e6;

it('says of fifty pictures what nsfwjs itself says', async () => {
  const detector = await Classifier.open({ ...nudityDetector, classes: ['porn'] }, 1);
  expect(detector.classes).toEqual(['Porn']);
  const likeliest = new Set<string>();
  const pictures = await detectorPictures();
  expect(pictures.map(({ name }) => name)).toEqual(Object.keys(recorded.pictures));
  expect(pictures).toHaveLength(50);
  for (const { name, width, height, bytes } of pictures) {
    const image = fromRgbBytes(bytes, width, height);
    const scores = await detector.scores(image);
    for (const [i, label] of detector.labels.entries()) {
      const expected = recorded.pictures[name]?.[label] ?? Number.NaN;
      expect(Math.abs((scores[i] ?? Number.NaN) - expected), `${name}: ${label}`).toBeLessThan(
        1e-3,
      );
    }
    likeliest.add(detector.labels[scores.indexOf(Math.max(...scores))] ?? '');
  }
  await detector.release();
  // They are pictures that it tells apart.
  expect([...likeliest].sort()).toEqual(['Drawing', 'Hentai', 'Neutral', 'Porn']);
});

it('comes with its licence, and is small', () => {
  const folder = path.dirname(nudityDetector.file);
  expect(readFileSync(path.join(folder, 'LICENSE'), 'utf8')).toMatch(/MIT.*Infinite Red/s);
  expect(statSync(nudityDetector.file).size).toBeLessThan(MAX_BYTES);
});
