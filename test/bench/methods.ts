import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { replaceFile } from '../../src/checkpoint/atomic-file.ts';
import { pathExists } from '../../src/checkpoint/output-path.ts';
import { meanInterval } from '../../src/evaluation/interval.ts';
import { findMethod, type MethodId, methodIds } from '../../src/methods/registry.ts';
import { eraseWithDefaults } from './erase-with-defaults.ts';
import {
  answer,
  openClassifiers,
  type Question,
  releaseClassifiers,
  type Seen,
  tinyModelFolder,
  type TinyTrait,
  tinyTraits,
} from './score.ts';
import { tinyQuestions } from './tiny-questions.ts';

// npm run bench:methods -- [--pictures N] [--concept heart --trait subject] [--only ID,ID] [--folder FOLDER]
// Erases one style from the tiny model by prompts alone, with each method that forgets concepts and its
// default settings; the shipped classifiers count on N pictures a figure (20 steps of DDIM, guidance 5),
// of the same seeds before and after. With the 95 % interval of the change, pair by pair. What is done is
// kept in the folder: a run that was interrupted goes on.

const { values } = parseArgs({
  options: {
    pictures: { type: 'string', default: '200' },
    trait: { type: 'string', default: 'style' },
    concept: { type: 'string', default: 'Pontilla' },
    only: { type: 'string', default: '' },
    folder: { type: 'string', default: path.join(tmpdir(), 'erase-concept-bench-methods') },
  },
});
const pictures = Number(values.pictures);
const trait = tinyTraits.find((known) => known === values.trait);
if (!trait || !Number.isInteger(pictures) || pictures < 2) {
  throw new Error(`--trait is one of ${tinyTraits.join(', ')}, --pictures a number from 2`);
}
const { concept } = values;
const model = path.join(tinyModelFolder, 'tiny-sd.safetensors');
const folder = path.join(values.folder, `${trait}-${concept}`);
await mkdir(folder, { recursive: true });

const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);
const questions = (count: number, firstSeed: number, isForget: boolean) =>
  isForget
    ? tinyQuestions(classifiers, { count, firstSeed }, { [trait]: concept })
    : tinyQuestions(classifiers, { count, firstSeed }, {}, [trait, concept]);
const asked = {
  forget: questions(pictures, 10_000, true),
  retain: questions(pictures, 20_000, false),
};

/** What the classifiers saw, by the picture's seed. */
type Sightings = Record<string, Seen<TinyTrait>>;
interface Kept {
  seconds: number | null;
  readonly seen: Sightings;
}
const keptFile = (name: string) => path.join(folder, `${name}.json`);

async function readKept(name: string): Promise<Kept> {
  const file = keptFile(name);
  if (!(await pathExists(file))) return { seconds: null, seen: {} };
  return JSON.parse(await readFile(file, 'utf8')) as Kept;
}

/** So many pictures are lost at most when a run is interrupted. */
const picturesAtOnce = 40;

/** Asks for what was not seen yet; `open` gives the model, which is needed only then. */
async function look(name: string, open: (kept: Kept) => Promise<string>): Promise<Kept> {
  const kept = await readKept(name);
  const missing = [...asked.forget, ...asked.retain].filter(({ seed }) => !(seed in kept.seen));
  if (missing.length === 0) return kept;
  const file = await open(kept);
  for (let start = 0; start < missing.length; start += picturesAtOnce) {
    const group = missing.slice(start, start + picturesAtOnce);
    for (const { seed, seen } of await answer(file, group, classifiers, {
      ...{ steps: 20, sampler: 'DDIM' },
    })) {
      kept.seen[seed] = seen;
    }
    await replaceFile(keptFile(name), JSON.stringify(kept));
    console.log(`${name}: ${Object.keys(kept.seen).length} of ${2 * pictures} pictures`);
  }
  return kept;
}

/** The model without the concept, made where it is not there yet. */
async function erased(method: MethodId, kept: Kept): Promise<string> {
  // With the files beside it, which say what its text encoder is.
  const result = path.join(folder, method, 'scrubbed.safetensors');
  if (kept.seconds !== null && (await pathExists(result))) return result;
  const prompts = (all: Question[]) => [...new Set(all.map(({ prompt }) => prompt))];
  const started = performance.now();
  const { output } = await eraseWithDefaults({
    ...{ model, concept, settings: { method } },
    forget: prompts(questions(48, 0, true)),
    retain: prompts(questions(96, 0, false)),
  });
  kept.seconds = (performance.now() - started) / 1000;
  await cp(path.dirname(output), path.dirname(result), { recursive: true });
  await rm(path.dirname(output), { recursive: true });
  await replaceFile(keptFile(method), JSON.stringify(kept));
  return result;
}

const before = await look('before', () => Promise.resolve(model));

/** A figure before and after, and the interval of its change. */
function compare(after: Kept, set: readonly Question[], of: TinyTrait): string {
  const right = ({ seen }: Kept) =>
    set.map(({ seed, expected }) => (seen[seed]?.[of] === expected[of] ? 1 : 0));
  const [was, is] = [right(before), right(after)];
  const share = (all: readonly number[]) =>
    (all.reduce((sum, value) => sum + value, 0) / all.length).toFixed(3);
  const change = is.map((value, i) => value - (was[i] ?? Number.NaN));
  const [low, high] = meanInterval(change).map((bound) => bound.toFixed(3));
  return `${share(was)} → ${share(is)} (${low} … ${high})`;
}

const wanted = values.only === '' ? null : values.only.split(',');
const table: Record<string, Record<string, string>> = {};
for (const id of methodIds) {
  const { forgets, words } = findMethod(id);
  if (forgets !== 'concept' || (wanted && !wanted.includes(id))) continue;
  const after = await look(id, (kept) => erased(id, kept));
  const others = tinyTraits.filter((other) => other !== trait);
  table[words.name] = {
    'still shows it': compare(after, asked.forget, trait),
    ...Object.fromEntries(
      tinyTraits.map((kept) => [`kept ${kept}`, compare(after, asked.retain, kept)]),
    ),
    ...Object.fromEntries(
      others.map((other) => [`forgotten prompts' ${other}`, compare(after, asked.forget, other)]),
    ),
    seconds: after.seconds?.toFixed(0) ?? '',
  };
  console.log(words.name, table[words.name]);
}
await releaseClassifiers(classifiers);
console.table(table);
