import { copyFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { putOnTop } from '../../src/adapters/low-rank/put-on-top.ts';
import { readLora } from '../../src/adapters/low-rank/read-lora.ts';
import { wholeNumber } from '../../src/cli/parse-option.ts';
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

// npm run bench:lora -- --folder FOLDER [--samples 100] [--settings JSON] [--keep]
// Erases a gate from the tiny model and the LoRA that draws it together; both the LoRA and the judge of
// subjects are in FOLDER, where teach_tiny_sd.py has put them. Counts what each of them draws (20 steps of
// DDIM, guidance 5), with its classifiers for colours and styles; --keep leaves the results in FOLDER.
// Of 100 pictures each, a gate shown, kept subject, colour, style: the model .00, .99, 1.00, .97; with the
// LoRA 1.00, 1.00, 1.00, .96; erased, the merged checkpoint and a LoRA on top of both alike: .01, 1.00, 1.00,
// .97.

const { values } = parseArgs({
  options: {
    folder: { type: 'string' },
    samples: { type: 'string', default: '100' },
    keep: { type: 'boolean', default: false },
    ...settingOptions,
  },
});
if (values.folder === undefined) throw new Error('usage: erase-with-lora.ts --folder FOLDER');
const concept = 'gate';
const samples = wholeNumber(1)(values.samples);
const model = path.join(tinyModelFolder, 'tiny-sd.safetensors');
const lora = path.join(values.folder, `${concept}.safetensors`);
const shipped = await openClassifiers(tinyModelFolder, tinyTraits);
const judge = await openClassifiers(values.folder, ['subject']);
const classifiers = { ...shipped, ...judge };

const forgotten = (count: number, firstSeed: number) =>
  tinyQuestions(classifiers, { count, firstSeed }, { subject: concept });
const kept = (count: number, firstSeed: number) =>
  tinyQuestions(classifiers, { count, firstSeed }, {}, ['subject', concept]);
const prompts = (asked: ReturnType<typeof kept>) => [...new Set(asked.map(({ prompt }) => prompt))];

const started = performance.now();
const { output, loraOutput } = await eraseWithDefaults({
  ...{ model, concept, baseLoras: [{ path: lora, strength: 1 }] },
  ...{ forget: prompts(forgotten(48, 0)), retain: prompts(kept(96, 0)) },
  settings: { output: 'both', ...settingsFrom(values) },
});
console.log(`erased in ${((performance.now() - started) / 1000).toFixed(0)} s`);

const asked = [...forgotten(samples, 10_000), ...kept(samples, 20_000)];
const table: Record<string, Record<string, string>> = {};
await count('the model', model, []);
await count('with the LoRA', model, [lora]);
await count('erased: the merged checkpoint', output, []);
await count('erased: a LoRA on top of both', model, [lora, loraOutput ?? '']);
console.table(table);
await releaseClassifiers({ ...shipped, judge: judge.subject });
if (values.keep) {
  await copyFile(output, path.join(values.folder, 'merged.safetensors'));
  await copyFile(loraOutput ?? '', path.join(values.folder, 'erased-lora.safetensors'));
}
await rm(path.dirname(output), { recursive: true });

/** What a model draws with LoRAs on top of it. */
async function count(name: string, file: string, loras: readonly string[]): Promise<void> {
  const checkpoint = await openCheckpoint(file);
  let drawn = checkpoint;
  for (const onTop of loras) drawn = putOnTop(drawn, await readLora(onTop, checkpoint), 1);
  const drawing = { steps: 20, sampler: 'DDIM' } as const;
  const answers = await answerWith(drawn, asked, classifiers, drawing);
  await checkpoint.close();
  const of = (trait: (typeof tinyTraits)[number], start: number) =>
    share(answers.slice(start, start + samples), trait).toFixed(2);
  table[name] = {
    'shows a gate': of('subject', 0),
    'kept subject': of('subject', samples),
    'kept colour': of('colour', samples),
    'kept style': of('style', samples),
  };
  console.log(name, table[name]);
}
