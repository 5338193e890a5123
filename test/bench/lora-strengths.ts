import { rm } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { putOnTop } from '../../src/adapters/low-rank/put-on-top.ts';
import { readLora } from '../../src/adapters/low-rank/read-lora.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { eraseWithDefaults } from './erase-with-defaults.ts';
import {
  answerWith,
  openClassifiers,
  releaseClassifiers,
  share,
  tinyModelFolder,
  tinyTraits,
} from './score.ts';
import { settingOptions, settingsFrom } from './setting-options.ts';
import { tinyQuestions } from './tiny-questions.ts';

// npm run bench:strengths [-- --rank 4] [--pictures 200] [--settings JSON] [--strengths 0,0.5,1,1.5]
// Erases the style Pontilla from the tiny model by a low-rank change, and counts with the shipped
// classifiers what is drawn with its LoRA file at several strengths (20 steps of DDIM, guidance 5).

const { values } = parseArgs({
  options: {
    rank: { type: 'string', default: '4' },
    pictures: { type: 'string', default: '200' },
    strengths: { type: 'string', default: '0,0.5,1,1.5' },
    ...settingOptions,
  },
});
const samples = Number(values.pictures);
const model = path.join(tinyModelFolder, 'tiny-sd.safetensors');
const style = { style: 'Pontilla' } as const;
const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);
const questions = (count: number, firstSeed: number, forgotten: boolean) =>
  forgotten
    ? tinyQuestions(classifiers, { count, firstSeed }, style)
    : tinyQuestions(classifiers, { count, firstSeed }, {}, ['style', style.style]);
const prompts = (asked: ReturnType<typeof questions>) => [
  ...new Set(asked.map(({ prompt }) => prompt)),
];

const adapter = {
  kind: 'lora',
  rank: Number(values.rank),
  convRank: null,
  basePrecision: 'stored',
  alpha: null,
} as const;
const started = performance.now();
const { output } = await eraseWithDefaults({
  model,
  forget: prompts(questions(48, 0, true)),
  retain: prompts(questions(96, 0, false)),
  concept: style.style,
  settings: { adapter, output: 'lora', ...settingsFrom(values) },
});
console.log(`erased in ${((performance.now() - started) / 1000).toFixed(0)} s`);

const asked = [...questions(samples, 10_000, true), ...questions(samples, 20_000, false)];
const checkpoint = await openCheckpoint(model);
const lora = await readLora(output, checkpoint);
const table: Record<string, Record<string, string>> = {};
for (const strength of values.strengths.split(',').map(Number)) {
  const drawing = { steps: 20, sampler: 'DDIM' } as const;
  const answers = await answerWith(
    putOnTop(checkpoint, lora, strength),
    asked,
    classifiers,
    drawing,
  );
  const [forgotten, kept] = [answers.slice(0, samples), answers.slice(samples)];
  table[String(strength)] = {
    'still shows it': share(forgotten, 'style').toFixed(3),
    ...Object.fromEntries(
      tinyTraits.map((trait) => [`kept ${trait}`, share(kept, trait).toFixed(3)]),
    ),
  };
  console.log(strength, table[String(strength)]);
}
await checkpoint.file.close();
await rm(path.dirname(output), { recursive: true });
await releaseClassifiers(classifiers);
console.table(table);
