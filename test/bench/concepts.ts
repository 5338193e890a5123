import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { replaceFile } from '../../src/checkpoint/atomic-file.ts';
import { pathExists } from '../../src/checkpoint/output-path.ts';
import type { ConceptRequest } from '../../src/erase/read-concepts.ts';
import type { WantedSettings } from '../../src/methods/registry.ts';
import { eraseWithDefaults } from './erase-with-defaults.ts';
import {
  answer,
  openClassifiers,
  type Question,
  releaseClassifiers,
  tinyModelFolder,
  type TinyTrait,
  tinyTraits,
} from './score.ts';
import { tinyQuestions } from './tiny-questions.ts';

// npx tsx test/bench/concepts.ts [--pictures N] [--runs together,alone] [--settings JSON] [--folder FOLDER]
// Erases three styles from the tiny model, each alone and all in one run, by prompts alone and with the default
// settings; the shipped classifiers count on N pictures of each style, and of N that have none of the three, of
// the same seeds (20 steps of DDIM, guidance 5). Seconds are of the processor: others may use it, too. What is
// done is kept in the folder.

const { values } = parseArgs({
  options: {
    pictures: { type: 'string', default: '60' },
    runs: { type: 'string', default: 'together,alone' },
    settings: { type: 'string', default: '{}' },
    folder: { type: 'string', default: path.join(tmpdir(), 'erase-concept-bench-concepts') },
  },
});
const pictures = Number(values.pictures);
const settings = JSON.parse(values.settings) as WantedSettings;
const erased = ['Pontilla', 'Strivo', 'Krossan'];
const model = path.join(tinyModelFolder, 'tiny-sd.safetensors');
await mkdir(values.folder, { recursive: true });

const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);
const ofStyle = (style: string, count: number, firstSeed: number) =>
  tinyQuestions(classifiers, { count, firstSeed }, { style });
/** Pictures in styles that nobody erases. */
function keptQuestions(count: number, firstSeed: number): Question[] {
  const all = tinyQuestions(classifiers, { count: 3 * count, firstSeed }, {});
  return all.filter(({ expected }) => !erased.includes(expected.style)).slice(0, count);
}
const promptsOf = (all: readonly Question[]) => [...new Set(all.map(({ prompt }) => prompt))];
const retain = promptsOf(keptQuestions(96, 0));
const conceptOf = (style: string): ConceptRequest => ({
  ...{ name: style, neighbours: [] },
  forget: promptsOf(ofStyle(style, 48, 0)),
});

interface Kept {
  readonly output: string;
  readonly seconds: number;
}

/** The model without some styles, made where it is not there yet. */
async function without(name: string, concepts: readonly string[]): Promise<Kept> {
  const file = path.join(values.folder, `${name}.json`);
  if (await pathExists(file)) return JSON.parse(await readFile(file, 'utf8')) as Kept;
  const started = await childSeconds();
  const asked = concepts.map(conceptOf);
  const [only] = asked;
  const { output } = await eraseWithDefaults({
    ...{ model, retain, settings },
    ...(asked.length > 1 || !only
      ? { forget: [], concepts: asked }
      : { forget: only.forget, concept: only.name }),
  });
  const folder = path.join(values.folder, name);
  await cp(path.dirname(output), folder, { recursive: true });
  await rm(path.dirname(output), { recursive: true });
  const kept = {
    output: path.join(folder, 'scrubbed.safetensors'),
    seconds: (await childSeconds()) - started,
  };
  await replaceFile(file, JSON.stringify(kept));
  return kept;
}

/** Seconds of the processor that ended children took, such as the training process; on Linux. */
async function childSeconds(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  // Behind the name, which may hold spaces, cutime and cstime are the 14th and 15th; 100 ticks a second.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Shares of pictures in which a trait is as asked. */
async function shares(file: string, asked: readonly Question[], traits: readonly TinyTrait[]) {
  const seen = await answer(file, [...asked], classifiers, { steps: 20, sampler: 'DDIM' });
  return Object.fromEntries(
    traits.map((trait) => {
      const right = seen.filter((one) => one.seen[trait] === one.expected[trait]).length;
      return [trait, (right / seen.length).toFixed(3)];
    }),
  );
}

const rows: Record<string, Record<string, string>> = {};
async function tell(name: string, file: string, of: readonly string[], seconds: string) {
  const row: Record<string, string> = {};
  for (const style of of) {
    const { style: shown = '' } = await shares(file, ofStyle(style, pictures, 10_000), ['style']);
    row[`shows ${style}`] = shown;
  }
  const kept = await shares(file, keptQuestions(pictures, 20_000), tinyTraits);
  for (const [trait, share] of Object.entries(kept)) row[`kept ${trait}`] = share;
  rows[name] = { ...row, seconds };
  console.log(name, rows[name]);
}

await tell('before', model, erased, '');
const wanted = values.runs.split(',');
const runs = [
  ...(wanted.includes('together') ? [{ name: 'together', of: erased }] : []),
  ...(wanted.includes('alone') ? erased.map((style) => ({ name: style, of: [style] })) : []),
];
for (const { name, of } of runs) {
  const { output, seconds } = await without(name, of);
  await tell(name, output, of, seconds.toFixed(0));
}
await releaseClassifiers(classifiers);
console.table(rows);
