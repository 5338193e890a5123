import { rm } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { eraseWithDefaults } from './erase-with-defaults.ts';
import {
  answer,
  openClassifiers,
  type Question,
  releaseClassifiers,
  share,
  tinyModelFolder,
  type TinyTrait,
  tinyTraits,
} from './score.ts';
import { tinyQuestions } from './tiny-questions.ts';
import { settingOptions, settingsFrom } from './setting-options.ts';

// npm run bench:erase [-- [--only heart] [--settings JSON]]
// Erases a style and a subject from the tiny model, the style from prompts and from pictures too, all
// with the default settings; counts with the shipped classifiers on 200 pictures for each figure (20
// steps of DDIM, guidance 5). About 15 minutes on two cores.

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, ...settingOptions },
});
/** Where they differ from the defaults, to compare. */
const settings = settingsFrom(values);
const samples = 200;
const drawing = { steps: 20, sampler: 'DDIM' } as const;
const model = path.join(tinyModelFolder, 'tiny-sd.safetensors');
const imagesFolder = path.join(tinyModelFolder, 'images');

const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);

const questions = (count: number, firstSeed: number, ...choice: Choice) =>
  tinyQuestions(classifiers, { count, firstSeed }, ...choice);
type Choice = [fixed: Partial<Record<TinyTrait, string>>, without?: readonly [TinyTrait, string]];

async function erase(
  trait: TinyTrait,
  concept: string,
  images: { forget: string; retain: string } | null,
): Promise<string> {
  const prompts = (asked: Question[]) => [...new Set(asked.map(({ prompt }) => prompt))];
  const { output } = await eraseWithDefaults({
    model,
    forget: prompts(questions(48, 0, { [trait]: concept })),
    retain: prompts(questions(96, 0, {}, [trait, concept])),
    forgetImages: images?.forget,
    retainImages: images?.retain,
    concept,
    settings,
  });
  return output;
}

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

const table: Record<string, Record<string, string>> = {};
for (const { name, trait, concept, images } of cases) {
  if (!name.includes(values.only)) continue;
  const asked = [
    ...questions(samples, 10_000, { [trait]: concept }),
    ...questions(samples, 20_000, {}, [trait, concept]),
  ];
  const before = await answer(model, asked, classifiers, drawing);
  const started = performance.now();
  const output = await erase(trait, concept, images);
  const seconds = (performance.now() - started) / 1000;
  const after = await answer(output, asked, classifiers, drawing);
  await rm(path.dirname(output), { recursive: true });
  const both = (measure: (answers: typeof before) => number) =>
    `${measure(before).toFixed(3)} → ${measure(after).toFixed(3)}`;
  table[name] = {
    'still shows it': both((answers) => share(answers.slice(0, samples), trait)),
    'kept subject': both((answers) => share(answers.slice(samples), 'subject')),
    'kept colour': both((answers) => share(answers.slice(samples), 'colour')),
    'kept style': both((answers) => share(answers.slice(samples), 'style')),
    seconds: seconds.toFixed(0),
  };
  console.log(name, table[name]);
}
await releaseClassifiers(classifiers);
console.table(table);
