import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { pathExists } from '../../../src/checkpoint/output-path.ts';
import { pictureLikelihoods } from '../../../src/evaluation/likelihood/picture-likelihood.ts';
import { openCheckpoint } from '../../../src/families/checkpoint.ts';
import { ANYTHING } from '../../../src/families/class-prompts.ts';
import { decodeImage } from '../../../src/images/decode-image.ts';
import type { EraseRequest } from '../../../src/jobs/request/draft-job.ts';
import { eraseWithDefaults } from '../erase-with-defaults.ts';
import { drawGrid, drawPareto } from './figures.ts';
import { openPixelJudge, type Sighting } from './judge.ts';
import { keyOf, type Known, look, readKnown, writeKnown } from './look.ts';
import { unpackSheet } from './sheet.ts';
import { frechetDistance, inceptionScore } from './statistics.ts';

// npm run bench:digits -- [--folder FOLDER] [--work FOLDER] [--samples 2000] [--steps 60] [--only NAME;NAME]
//                         [--batch 32] [--rate 1e-4] [--norm 5] [--last 999] [--seeds 0,1,2] [--likely 64] [--pictures FOLDER]
// A T-shirt out of a model of digits, which has seen one picture of it again and again (SISS, arXiv 2503.01034), with
// each method that forgets pictures. FOLDER is what test/bench/train_mnist.py has written. How often it is still
// drawn (50 steps of DDIM), how digits look to a judge (an inception score without the T-shirts; Fréchet distance of
// features to real digits) and how likely held-out digits and the T-shirt are. What is done is kept in the work folder,
// that of other settings apart: a run that was interrupted goes on, one with more samples adds to it.

const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: path.join(import.meta.dirname, 'digits') },
    work: { type: 'string', default: path.join(tmpdir(), 'erase-concept-digits') },
    samples: { type: 'string', default: '2000' },
    likely: { type: 'string', default: '64' },
    levels: { type: 'string', default: '30' },
    steps: { type: 'string', default: '60' },
    batch: { type: 'string', default: '32' },
    rate: { type: 'string', default: '1e-4' },
    seeds: { type: 'string', default: '0' },
    only: { type: 'string', default: '' },
    pictures: { type: 'string', default: '' },
    norm: { type: 'string', default: '5' },
    last: { type: 'string', default: '999' },
  },
});
/** Of a picture, in pixels. */
const SIDE = 28;
const size = { width: SIDE, height: SIDE };
const { folder } = values;
const [samples, likely, levels] = [values.samples, values.likely, values.levels].map(Number);
const seeds = values.seeds.split(',').map(Number);
const model = path.join(folder, 'ddpm');
const bench = values.work;
await mkdir(bench, { recursive: true });
const shirt = path.join(folder, 'tshirt');
const kept = path.join(bench, 'digits');
const digits = await unpackSheet(path.join(folder, 'digits.png'), SIDE, kept);
const heldOutDigits = await unpackSheet(
  path.join(folder, 'held-out.png'),
  SIDE,
  path.join(bench, 'held-out'),
);
/** What likelihoods are of. */
const heldOut = {
  digits: heldOutDigits.slice(0, likely),
  'T-shirt': [path.join(shirt, 'tshirt.png')],
};
const bitsKey = (of: keyof typeof heldOut) => `${heldOut[of].length} ${of}`;

type Settings = EraseRequest['settings'];

/** What all methods have in common, as the code of SISS has it: AdamW and what was added as noise. */
const published = {
  optimizer: { kind: 'adamw', beta1: 0.95, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-6 },
  retainTarget: 'noise',
  // In its code 300 steps of 64 pictures at 5e-5.
  learningRate: Number(values.rate),
  ...{ batch: Number(values.batch), accumulation: 1 },
  steps: Number(values.steps),
  clipNorm: 1,
} as const;
/** Of SISS: in its code 5 for pictures of 784 entries; a setting says it for 16,384 (`ascentFields`). */
const norm = { forgetNorm: (Number(values.norm) * 16_384) / 784 } as const;
/** Of SISS: in its code all timesteps. */
const window = { firstTimestep: 0, lastTimestep: Number(values.last) } as const;
const { retainTarget: _kept, ...withoutTarget } = published;

const cases: Readonly<Record<string, Settings>> = {
  'naive deletion': { ...withoutTarget, method: 'finetune' },
  NegGrad: { ...published, method: 'neggrad', ...norm, retainWeight: 0 },
  'SISS, no importance sampling': { ...published, method: 'neggrad', ...norm, retainWeight: 1 },
  'SISS, λ = 0': { ...published, method: 'siss', ...norm, mixture: 0, ...window },
  'SISS, λ = 0.5': { ...published, method: 'siss', ...norm, mixture: 0.5, ...window },
  'SISS, its defaults here': { method: 'siss' },
  'SISS, λ = 1': { ...published, method: 'siss', ...norm, mixture: 1, ...window },
  'EraseDiff, noise': {
    ...{ ...published, method: 'erasediff', target: { kind: 'uniform' } },
    rule: { kind: 'projection', budget: 'norm', eta: 1e-3 },
  },
  VDU: { ...withoutTarget, method: 'vdu' },
  'ReTrack, λ = 0.005': { ...published, method: 'retrack', forgetShare: 0.005 },
  'ReTrack, λ = 0.5': { ...published, method: 'retrack', forgetShare: 0.5 },
};

const { steps, batch, rate, norm: by, last } = values;
/** Where results of these settings are kept; what was not erased is the same for all. */
const tried = path.join(
  bench,
  `steps ${steps}, batch ${batch}, rate ${rate}, norm ${by}, last ${last}`,
);
await mkdir(tried, { recursive: true });

const judge = await openPixelJudge(folder, 'digit');
const shirtClass = judge.labels.indexOf('T-shirt');
const asked = Array.from({ length: samples ?? 0 }, (_, seed) => ({ prompt: ANYTHING, seed }));
const real = await judge.see(await Promise.all(digits.map((file) => decodeImage(file, size))));

/** The model without the T-shirt, made where it is not there yet. */
async function erased(name: string, seed: number, known: Known): Promise<string> {
  const result = path.join(tried, `${name} ${seed}`);
  if (known.seconds !== null && (await pathExists(result))) return result;
  const settings = { ...cases[name], seed };
  const keeps = settings.method !== 'vdu';
  const started = performance.now();
  const { output } = await eraseWithDefaults({
    ...{ model, forget: [], retain: [], settings, forgetImages: shirt, threads: 1 },
    ...(keeps && { retainImages: kept }),
  });
  known.seconds = (performance.now() - started) / 1000;
  await rm(result, { recursive: true, force: true });
  await cp(output, result, { recursive: true });
  await rm(path.dirname(output), { recursive: true });
  return result;
}

async function measure(file: string, known: Known, open: () => Promise<string>): Promise<string> {
  const path_ = await open();
  await writeKnown(file, known);
  await look(path_, asked, { known, file, judge });
  for (const of of ['digits', 'T-shirt'] as const) {
    known.bits[bitsKey(of)] ??= await likelihoodOf(path_, heldOut[of]);
  }
  await writeKnown(file, known);
  return path_;
}

async function likelihoodOf(file: string, files: readonly string[]): Promise<number> {
  const checkpoint = await openCheckpoint(file);
  const encoder = await checkpoint.codec.openEncoder({ ...size, device: 'cpu', threads: 1 });
  const pictures = await Promise.all(
    files.map(async (name) => ({
      pixels: await encoder.encode(
        await decodeImage(name, size),
        (count) => new Float32Array(count),
      ),
      prompt: ANYTHING,
    })),
  );
  const bits = await pictureLikelihoods(checkpoint, pictures, {
    ...{ levels: levels ?? 30, seed: 0, device: 'cpu', threads: 1 },
    signal: new AbortController().signal,
  });
  await checkpoint.close();
  return bits.reduce((sum, value) => sum + value, 0) / bits.length;
}

function figuresOf(known: Known) {
  const seen = asked.flatMap((one) => known.seen[keyOf(one)] ?? []);
  const isShirt = ({ probabilities }: Sighting) =>
    probabilities.indexOf(Math.max(...probabilities)) === shirtClass;
  const digits = seen.filter((one) => !isShirt(one));
  const ofDigits = ({ probabilities }: Sighting) => {
    const [own, rest] = [
      probabilities.filter((_, i) => i !== shirtClass),
      probabilities[shirtClass] ?? 0,
    ];
    return own.map((p) => p / (1 - rest));
  };
  return {
    shown: (seen.length - digits.length) / seen.length,
    score: digits.length > 0 ? inceptionScore(digits.map(ofDigits)) : 1,
    distance: frechetDistance(
      seen.map(({ features }) => features),
      real.map(({ features }) => features),
    ),
    bits: known.bits[bitsKey('digits')] ?? Number.NaN,
    shirtBits: known.bits[bitsKey('T-shirt')] ?? Number.NaN,
    seconds: known.seconds ?? Number.NaN,
  };
}
type Figures = ReturnType<typeof figuresOf>;

const rows: [string, Figures[]][] = [];
const models = new Map<string, string>();
const report = (name: string, all: Figures[]) => {
  rows.push([name, all]);
  console.log(name, all);
};

for (const [name, file] of [
  ['before', model],
  ['retrained without it', path.join(folder, 'ddpm-without-shirt')],
] as const) {
  if (!(await pathExists(path.join(file, 'model_index.json')))) continue;
  const keptFile = path.join(bench, `${name}.json`);
  const known = await readKnown(keptFile);
  models.set(name, await measure(keptFile, known, () => Promise.resolve(file)));
  report(name, [figuresOf(known)]);
}
const only = values.only === '' ? Object.keys(cases) : values.only.split(';');
for (const name of only) {
  const all: Figures[] = [];
  for (const seed of seeds) {
    const keptFile = path.join(tried, `${name} ${seed}.json`);
    const known = await readKnown(keptFile);
    const result = await measure(keptFile, known, () => erased(name, seed, known));
    if (seed === seeds[0]) models.set(name, result);
    all.push(figuresOf(known));
  }
  report(name, all);
}
await judge.release();

const spread = (all: Figures[], of: keyof Figures, digits: number) => {
  const found = all.map((one) => one[of]);
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const range = found.length > 1 ? ` (${low.toFixed(digits)} … ${high.toFixed(digits)})` : '';
  return Number.isNaN(mean) ? '' : mean.toFixed(digits) + range;
};
console.log(
  ['', 'T-shirts', 'score of digits', 'distance', 'bits, digits', 'bits, T-shirt', 'seconds'].join(
    ' | ',
  ),
);
for (const [name, all] of rows) {
  console.log(
    [
      ...[name, spread(all, 'shown', 4), spread(all, 'score', 2), spread(all, 'distance', 1)],
      ...[spread(all, 'bits', 3), spread(all, 'shirtBits', 2), spread(all, 'seconds', 0)],
    ].join(' | '),
  );
}

if (values.pictures !== '') {
  await mkdir(values.pictures, { recursive: true });
  const points = rows.map(([name, all]) => ({
    ...{ name, x: 100 * (all[0]?.shown ?? 0), y: all[0]?.distance ?? 0 },
  }));
  await writeFile(
    path.join(values.pictures, 'digits-pareto.png'),
    await drawPareto(points, {
      x: 'T-shirts, % of pictures',
      y: 'distance of digits to real ones',
    }),
  );
  // A row of what showed the T-shirt before, and one of other pictures.
  const before = await readKnown(path.join(bench, 'before.json'));
  const showsShirt = (one: (typeof asked)[number]) =>
    (before.seen[keyOf(one)]?.probabilities[shirtClass] ?? 0) > 0.5;
  const columns = 16;
  const grid = [
    ...asked.filter(showsShirt).slice(0, columns),
    ...asked.filter((one) => !showsShirt(one)).slice(0, columns),
  ];
  for (const [name, file] of models) {
    const slug = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
    await writeFile(
      path.join(values.pictures, `digits-${slug}.png`),
      await drawGrid(file, grid, { columns, zoom: 1 }),
    );
  }
}
