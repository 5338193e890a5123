import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../src/cli/parse-option.ts';
import { writeClipSkipModel } from '../helpers/clip-skip-model.ts';
import { eraseAndCount } from './erase-and-count.ts';
import { openClassifiers, releaseClassifiers, tinyModelFolder, tinyTraits } from './score.ts';
import { settingOptions, settingsFrom } from './setting-options.ts';

// npx tsx test/bench/clip-skip.ts [--samples 200] [--settings JSON]
// Erases the style Pontilla at clip skip 2 from a tiny model whose text encoder has a layer more than its
// UNet was trained with, as anime models of SD 1.x are; counts at clip skip 1 and 2 (20 steps of DDIM).
// Of 32 pictures each: still shown at 1 .94 → .00, at 2 1.00 → .00; styles kept 1.00 → .97 at both.

const { values } = parseArgs({
  options: { samples: { type: 'string', default: '200' }, ...settingOptions },
});
const folder = await mkdtemp(path.join(tmpdir(), 'erase-concept-clip-skip-'));
const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);
const drawing = { steps: 20, sampler: 'DDIM' } as const;
const counted = await eraseAndCount(
  {
    ...{ model: writeClipSkipModel(folder), trait: 'style', concept: 'Pontilla', images: null },
    settings: { clipSkip: 2, ...settingsFrom(values) },
  },
  {
    classifiers,
    samples: wholeNumber(1)(values.samples),
    drawings: {
      'judged at clip skip 1': { ...drawing, clipSkip: 1 },
      'judged at clip skip 2': { ...drawing, clipSkip: 2 },
    },
  },
);
await releaseClassifiers(classifiers);
await rm(folder, { recursive: true });
console.table(counted);
