import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

import type { WantedSettings } from '../../src/methods/registry.ts';
import { elementAt } from '../../src/element-at.ts';
import { pathExists } from '../../src/checkpoint/output-path.ts';
import { decodeImage } from '../../src/images/decode-image.ts';
import { imageDistance } from '../../src/images/image-distance.ts';
import { FolderRepository } from '../../src/jobs/local/folder-repository.ts';
import { prepareJob } from '../../src/jobs/request/prepare-job.ts';
import { runOwnJob } from '../../src/jobs/local/run-own-job.ts';
import { paintPicture } from '../helpers/paint-picture.ts';
import {
  type Answer,
  answer,
  openClassifiers,
  question,
  releaseClassifiers,
  share,
  tinyModelFolder,
  tinyTraits,
} from './score.ts';

// npm run bench:pictures [-- --planted FOLDER] [--only siss] [--settings '{"steps":40}'] [--mixed] [--others 200]
//   [--anchor 'a green star']
// Has the tiny model learn two pictures by heart, each under a caption of its own, then forget them
// with SISS and with EraseDiff, both with the default settings. Prints how far what it draws for the
// captions is from the pictures, and what the shipped classifiers say of 200 other pictures. The
// model that learnt them is kept in FOLDER, and taken from there the next time. With --mixed one of the
// two is a landscape and one a portrait, each drawn in its shape. With --anchor EraseDiff steers the captions to
// a prompt that the tiny model knows: those made of the captions it reads much as these.

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    settings: { type: 'string', default: '{}' },
    planted: { type: 'string' },
    mixed: { type: 'boolean', default: false },
    others: { type: 'string', default: '200' },
    anchor: { type: 'string' },
  },
});
const drawing = { steps: 20, sampler: 'DDIM' } as const;
const threads = availableParallelism();
const drawingsOfEach = 24;
const otherDrawings = Number(values.others);
/** As often as all other pictures together: what is learnt by heart is what came up too often. */
const copies = 64;
/** Of mixed pictures, each shape has but a part of the steps: these learn them about as well as squares. */
const plantingSteps = values.mixed ? 330 : 250;
const never = new AbortController().signal;

const square = { width: 64, height: 64 };
const planted = [
  {
    ...{ caption: 'the old map of the harbour', seed: 1 },
    shape: values.mixed ? { width: 80, height: 48 } : square,
  },
  {
    ...{ caption: 'a lost album cover', seed: 2 },
    shape: values.mixed ? { width: 48, height: 80 } : square,
  },
];
const work = await mkdtemp(path.join(tmpdir(), 'erase-concept-pictures-'));
const forget = path.join(work, 'forget');

await mkdir(forget);
for (const { caption, seed, shape } of planted) {
  await writeFile(path.join(forget, `${seed}.txt`), caption);
  const painting = await paintPicture({ prompt: caption, seed, size: 2 * square.width });
  const { width, height } = shape;
  const picture = sharp(painting).resize(2 * width, 2 * height, { fit: 'fill' });
  await writeFile(path.join(forget, `${seed}.png`), await picture.png().toBuffer());
}
const pictures = await Promise.all(
  planted.map(({ seed, shape }) => decodeImage(path.join(forget, `${seed}.png`), shape)),
);

const retain = await keptPictures(path.join(tinyModelFolder, 'images', 'retain'));

/** Pictures to keep, of mixed ones as many of each shape. */
async function keptPictures(shipped: string): Promise<string> {
  if (!values.mixed) return shipped;
  const folder = path.join(work, 'retain');
  await mkdir(folder);
  const shapes = [square, ...planted.map(({ shape }) => shape)];
  const names = (await readdir(shipped)).filter((name) => name.endsWith('.png')).sort();
  for (const [i, name] of names.entries()) {
    const picture = sharp(path.join(shipped, name)).resize({
      ...elementAt(shapes, i % shapes.length),
      fit: 'cover',
    });
    await picture.png().toFile(path.join(folder, name));
    const caption = name.replace(/png$/, 'txt');
    await copyFile(path.join(shipped, caption), path.join(folder, caption));
  }
  return folder;
}

const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);
const { subject, colour, style } = classifiers;
const at = (list: readonly string[], i: number) => list[i % list.length] ?? '';
const others = Array.from({ length: otherDrawings }, (_, i) =>
  question(
    {
      subject: at(subject.labels, i),
      colour: at(colour.labels, 3 * i + 1),
      style: at(style.labels, 5 * i),
    },
    20_000 + i,
  ),
);
const nothing = { subject: '', colour: '', style: '' };
const asked = planted.map(({ caption, shape }, number) => ({
  shape,
  questions: Array.from({ length: drawingsOfEach }, (_, i) => ({
    ...{ prompt: caption, negativePrompt: '', expected: nothing },
    seed: 1000 * number + i,
  })),
}));

async function run(
  model: string,
  name: string,
  settings: WantedSettings,
  { folder: place = work, ...sets }: { forget: string; retain: string; folder?: string },
): Promise<string> {
  const output = path.join(place, `${name}.safetensors`);
  const request = {
    ...{ model, output, settings, threads, preset: undefined, variables: {}, concept: name },
    ...{ forget: [], forgetImages: sets.forget, retain: [], retainImages: sets.retain },
    ...{
      anchor: settings.method === 'erasediff' ? values.anchor : undefined,
      device: 'cpu' as const,
    },
  };
  const environment = {
    dataFolder: work,
    presetFolders: [],
    chooseDevice: () => Promise.resolve('cpu' as const),
  };
  const { draft, job } = await prepareJob(request, environment);
  const folder = await new FolderRepository(work).addPrepared(draft, job);
  await runOwnJob(folder, { onEvent: () => undefined, cancel: never, kill: never });
  return output;
}

/** Trains on what is kept and many copies of the planted pictures, and forgets nothing (λ = 0). */
async function plant(model: string): Promise<string> {
  const learnt = path.join(work, 'learnt');
  await mkdir(learnt);
  for (const name of await readdir(retain)) {
    await copyFile(path.join(retain, name), path.join(learnt, name));
  }
  for (const { seed } of planted) {
    for (let i = 0; i < copies; i++) {
      for (const ending of ['png', 'txt']) {
        const from = path.join(forget, `${seed}.${ending}`);
        await copyFile(from, path.join(learnt, `planted-${seed}-${i}.${ending}`));
      }
    }
  }
  return run(
    model,
    'planted',
    {
      ...{ steps: plantingSteps, retainTarget: 'noise', rule: { kind: 'constant', lambda: 0 } },
      // A low rank learns pictures badly by heart, too.
      adapter: { kind: 'full' },
    },
    {
      forget: await unlearnt(),
      retain: learnt,
      folder: plantedFolder,
    },
  );
}

/** Pictures for a set of which nothing is learnt, as many of each shape, that its steps be as many too. */
async function unlearnt(): Promise<string> {
  const folder = path.join(work, 'unlearnt');
  await mkdir(folder);
  const style = path.join(tinyModelFolder, 'images', 'forget-pontilla');
  for (const [i, { width, height }] of [square, ...planted.map(({ shape }) => shape)].entries()) {
    const picture = sharp(path.join(style, `00${i}.png`)).resize(width, height, { fit: 'fill' });
    await picture.png().toFile(path.join(folder, `${i}.png`));
    await copyFile(path.join(style, `00${i}.txt`), path.join(folder, `${i}.txt`));
  }
  return folder;
}

interface Figures {
  readonly copies: readonly Answer[];
  readonly others: readonly Answer[];
}

async function measure(model: string): Promise<Figures> {
  const drawn: Answer[] = [];
  for (const { shape, questions } of asked) {
    drawn.push(...(await answer(model, questions, classifiers, { ...drawing, ...shape })));
  }
  return { copies: drawn, others: await answer(model, others, classifiers, drawing) };
}

/** Mean distance of a drawing to the picture that its caption was learnt with. */
function distance({ copies: drawn }: Figures): number {
  const distances = drawn.map(({ prompt, image }) => {
    const number = planted.findIndex(({ caption }) => caption === prompt);
    const picture = pictures[number];
    return picture ? imageDistance(image, picture) : Number.NaN;
  });
  return distances.reduce((sum, one) => sum + one, 0) / distances.length;
}

const original = path.join(tinyModelFolder, 'tiny-sd.safetensors');
const plantedFolder = values.planted ?? work;
const model = path.join(plantedFolder, 'planted.safetensors');
await mkdir(plantedFolder, { recursive: true });
if (!(await pathExists(model))) await plant(original);

const table: Record<string, Record<string, string>> = {};
const tell = (name: string, figures: Figures, seconds: number | null) => {
  table[name] = {
    'distance to the picture': distance(figures).toFixed(3),
    subject: share(figures.others, 'subject').toFixed(3),
    colour: share(figures.others, 'colour').toFixed(3),
    style: share(figures.others, 'style').toFixed(3),
    seconds: seconds === null ? '' : seconds.toFixed(0),
  };
  console.log(name, table[name]);
};
tell('the tiny model as it comes', await measure(original), null);
tell('with two pictures learnt by heart', await measure(model), null);
for (const method of ['siss', 'erasediff'] as const) {
  if (!method.includes(values.only)) continue;
  const settings = { method, ...(JSON.parse(values.settings) as WantedSettings) };
  const started = performance.now();
  const output = await run(model, method, settings, { forget, retain });
  const seconds = (performance.now() - started) / 1000;
  tell(method, await measure(output), seconds);
}
await releaseClassifiers(classifiers);
await rm(work, { recursive: true });
console.table(table);
