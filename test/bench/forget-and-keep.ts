import path from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../src/cli/parse-option.ts';
import { type Counted, eraseAndCount } from './erase-and-count.ts';
import {
  openClassifiers,
  releaseClassifiers,
  type TinyDrawing,
  tinyModelFolder,
  tinyTraits,
} from './score.ts';
import { settingOptions, settingsFrom, shapeFrom } from './setting-options.ts';

// npm run bench:erase [-- [--only heart] [--settings JSON] [--model FILE] [--drawing JSON] [--samples 200]
//   [--width 64 --height 128]]
// Erases a style and a subject from the tiny model, the style from prompts and from pictures too, all
// with the default settings; counts with the shipped classifiers on 200 pictures for each figure (20
// steps of DDIM, guidance 5). About 15 minutes on two cores.
// Another model of the tiny world, as distil_tiny_sd.py makes one, is erased as --settings and drawn for its
// figures as --drawing says: --settings '{"drawSteps":4,"drawSampler":"Euler SGM Uniform","drawCfg":1}'
// --drawing '{"steps":4,"sampler":"Euler SGM Uniform","guidanceScale":1}'. With these, of 100 pictures: the
// style .92 → .00, styles kept .97 → .95; hearts 1.00 → .00, styles kept .96 → .98, subjects 1.00.

const usual = { steps: 20, sampler: 'DDIM' } satisfies TinyDrawing;
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    model: { type: 'string', default: path.join(tinyModelFolder, 'tiny-sd.safetensors') },
    drawing: { type: 'string', default: JSON.stringify(usual) },
    samples: { type: 'string', default: '200' },
    ...settingOptions,
  },
});
const imagesFolder = path.join(tinyModelFolder, 'images');
const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);

const cases = [
  { name: 'style Pontilla, prompts alone', trait: 'style', concept: 'Pontilla', images: null },
  {
    name: 'style Pontilla, pictures',
    trait: 'style',
    concept: 'Pontilla',
    images: {
      forget: path.join(imagesFolder, 'forget-pontilla'),
      retain: path.join(imagesFolder, 'retain'),
    },
  },
  { name: 'subject heart, prompts alone', trait: 'subject', concept: 'heart', images: null },
] as const;

const table: Record<string, Counted> = {};
for (const { name, ...erased } of cases) {
  if (!name.includes(values.only)) continue;
  const { figures } = await eraseAndCount(
    { ...erased, model: path.resolve(values.model), settings: settingsFrom(values) },
    {
      classifiers,
      samples: wholeNumber(1)(values.samples),
      drawings: {
        figures: { ...shapeFrom(values), ...(JSON.parse(values.drawing) as TinyDrawing) },
      },
    },
  );
  if (figures) table[name] = figures;
  console.log(name, figures);
}
await releaseClassifiers(classifiers);
console.table(table);
