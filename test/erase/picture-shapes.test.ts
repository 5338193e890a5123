import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';

import type { EraseJob } from '../../src/erase/job.ts';
import {
  arrange,
  arrangeInAll,
  cutPictures,
  planShapes,
  type PictureShape,
  sharesOf,
} from '../../src/erase/picture-shapes.ts';
import { picturesOfSet } from '../../src/erase/set-pictures.ts';
import { prepareShapes } from '../../src/jobs/request/prepare-shapes.ts';
import { readDataset } from '../../src/training/run-state.ts';
import { SizeTurns } from '../../src/training/size-turns.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

const size = (width: number, height = width) => ({ width, height });
const square = size(64);
const drawn = { ...square, nativeSize: 64 };
const sets = { forget: 3, retain: 10 };

describe('planShapes', () => {
  it.each([
    ['larger than what the model was made for', size(96, 64), 64, size(72, 56)],
    ['a portrait of SD 1.5', size(512, 768), 512, size(448, 576)],
    ['a banner of the same area', size(128, 32), 64, null],
    ['a long banner', size(192, 32), 64, size(128, 32)],
    ['a large square', size(768), 512, size(512)],
    ['SDXL’s own portrait', size(832, 1216), 1024, null],
    ['a smaller one', size(256, 384), 512, null],
  ])('trains no larger than the model was made for: %s', (_, shape, nativeSize, trained) => {
    const planned = planShapes({ forget: null, retain: null }, sets, { ...shape, nativeSize });
    expect(planned).toEqual(trained === null ? [] : [{ ...trained, ...sets }]);
  });

  it('plans none where no pictures are trained on', () => {
    const none = { forget: 0, retain: 0 };
    const drawing = { ...size(96, 64), nativeSize: 64 };
    expect(planShapes({ forget: null, retain: null }, none, drawing)).toEqual([]);
  });

  it('plans none where all pictures have the shape of what is drawn', () => {
    expect(planShapes({ forget: null, retain: null }, sets, drawn)).toEqual([]);
    expect(planShapes({ forget: [size(100)], retain: null }, sets, drawn)).toEqual([]);
  });

  it('draws what is not given in the same shapes as often, each at least once', () => {
    const wide = Array.from({ length: 9 }, () => size(300, 200));
    const forget = [...wide, size(20, 30)];
    expect(planShapes({ forget, retain: null }, sets, drawn)).toEqual([
      { ...size(80, 48), forget: 9, retain: 9 },
      { ...size(48, 80), forget: 1, retain: 1 },
    ]);
    expect(planShapes({ forget: null, retain: forget }, sets, drawn)).toEqual([
      { ...size(80, 48), forget: 2, retain: 9 },
      { ...size(48, 80), forget: 1, retain: 1 },
    ]);
  });
});

it('pictures to keep lend a shape that they have nothing for what loses least there', () => {
  const shapes = [
    { ...size(64), forget: 4, retain: 5 },
    { ...size(96, 40), forget: 0, retain: 5 },
  ];
  expect(sharesOf(shapes)).toEqual([0.75, 0.25]);
  const pictures = [size(10), size(12, 10), size(10, 12), size(10)].map((one) => ({ size: one }));
  const widths = (arranged: ReturnType<typeof arrange<(typeof pictures)[number]>>) =>
    arranged.map(({ size: own, shape }) => [own.width, shape.width]);
  const own = [
    [10, 64],
    [12, 64],
    [10, 64],
    [10, 64],
  ];
  expect(widths(arrange(pictures, shapes))).toEqual(own);
  expect(widths(arrangeInAll(pictures, shapes))).toEqual([...own, [12, 96]]);
});

it('says which pictures lose much all the same', () => {
  const shapes: PictureShape[] = [{ ...size(64), forget: 2, retain: 0 }];
  const named = (name: string, ...sides: [number, number?]) => ({ name, size: size(...sides) });
  expect(cutPictures([named('a', 10), named('b', 11, 10)], shapes)).toEqual([]);
  expect(cutPictures([named('a', 10), named('b', 30, 10), named('c', 20, 10)], shapes)).toEqual([
    '2 given pictures are cut to the nearest shape that is trained in (64×64): "b" loses 67 %.',
  ]);
});

it('gives each size its share of the steps at any moment', () => {
  const shares = [0.6, 0.3, 0.1];
  const sizes = shares.map((share, i) => ({
    ...{ share, size: { latentHeight: i, latentWidth: i } },
  }));
  const turns = new SizeTurns(sizes);
  const taken = [0, 0, 0];
  for (let step = 0; step < 100; step++) {
    const { size: of, turn } = turns.at(step);
    expect(turn).toBe(taken[of.latentHeight]);
    taken[of.latentHeight]! += 1;
    for (const [i, share] of shares.entries()) {
      expect(Math.abs(taken[i]! - share * (step + 1))).toBeLessThan(1);
    }
  }
  // Whoever begins in the middle goes on in the same way.
  expect(new SizeTurns(sizes).at(57)).toEqual(turns.at(57));
});

const given = path.resolve('presets/tiny-sd/images/forget-pontilla');

/** A job that is given a wide, a tall and a square picture, and none to keep. */
async function mixedJob(folder: string, method: 'erasediff' | 'siss'): Promise<EraseJob> {
  const forgetImages = path.join(folder, 'given');
  mkdirSync(forgetImages, { recursive: true });
  copyFileSync(path.join(given, '000.png'), path.join(forgetImages, '0.png'));
  for (const [i, sides] of [size(90, 60), size(50, 100)].entries()) {
    const picture = sharp(path.join(given, `00${i + 1}.png`)).resize({ ...sides, fit: 'fill' });
    // As cameras turn them: what is stored upright is shown lying.
    const turned = i === 0 ? picture.rotate(90).withMetadata({ orientation: 8 }) : picture;
    await turned.jpeg().toFile(path.join(forgetImages, `${i + 1}.jpg`));
  }
  const job = await makeTinyJob(folder, {
    ...{
      method,
      steps: 3,
      batch: 1,
      accumulation: 1,
      saveEvery: 1,
      generatedRetain: 3,
      drawSteps: 2,
    },
    train: 'xattn-strict',
    ...(method === 'siss' && { retainTarget: 'noise', firstTimestep: 900 }),
  });
  const { shapes } = await prepareShapes(
    job.settings,
    { forget: forgetImages, retain: undefined },
    { nativeSize: 64 },
  );
  return { ...job, forgetImages, shapes };
}

/** The job's shapes, each with a picture of each set. */
const shapes = [size(64), size(80, 48), size(40, 88)].map((one) => ({
  ...one,
  ...{ forget: 1, retain: 1 },
}));

it('trains pictures of several shapes, and to the same bytes where it was stopped', async () => {
  const whole = makeTemporaryFolder();
  const job = await mixedJob(whole, 'erasediff');
  expect(job.shapes).toEqual(expect.arrayContaining(shapes));
  expect(picturesOfSet(job, 'retain').map((one) => one.size.width)).toEqual(
    job.shapes.map(({ width }) => width),
  );
  await runTinyJob(job, whole);

  const broken = makeTemporaryFolder();
  const stopped = await mixedJob(broken, 'erasediff');
  const cut = await runTinyJob(
    ...[stopped, broken, []],
    (event) => event.event === 'progress' && event.step === 1,
  );
  const { forget, retain } = (await readDataset(path.join(broken, 'state')))!;
  expect(retain.map(({ framing }) => framing)).toEqual([null, null, null]);
  expect(forget.map(({ size: of, framing }) => [of.latentWidth, of.latentHeight, framing])).toEqual(
    [
      [8, 8, { original: size(64), top: 0, left: 0 }],
      [10, 6, { original: size(90, 60), top: 2, left: 0 }],
      [5, 11, { original: size(50, 100), top: 0, left: 2 }],
    ],
  );
  await runTinyJob(stopped, broken, cut);
  expect(readFileSync(stopped.output).equals(readFileSync(job.output))).toBe(true);
}, 300_000);

it('forgets the very pictures in their shapes too', async () => {
  const folder = makeTemporaryFolder();
  const events = await runTinyJob(await mixedJob(folder, 'siss'), folder);
  const losses = events.flatMap((event) =>
    event.event === 'progress' ? [event.forgetLoss ?? Number.NaN] : [],
  );
  expect(losses).toHaveLength(3);
  // A step of one row may hold none that is forgotten.
  for (const loss of losses) expect(loss).toBeGreaterThanOrEqual(0);
  expect(Math.max(...losses)).toBeGreaterThan(0);
}, 300_000);
