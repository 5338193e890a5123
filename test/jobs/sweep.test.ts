import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';

import type { RecordedEvent } from '../../src/erase/events.ts';
import type { Evaluation } from '../../src/evaluation/evaluation.ts';
import { AppError } from '../../src/errors.ts';
import { progressOf } from '../../src/jobs/job-progress.ts';
import { readSweep } from '../../src/jobs/sweep/read-sweep.ts';
import { runSweep, type SweepResult } from '../../src/jobs/sweep/run-sweep.ts';
import { rowsOf, settingsOf } from '../../src/jobs/sweep/summarize-sweep.ts';
import { sweepCsv } from '../../src/jobs/sweep/sweep-csv.ts';
import { sweepPage } from '../../src/jobs/sweep/sweep-page.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

function read(yaml: string) {
  const file = path.join(makeTemporaryFolder(), 'mine.yaml');
  writeFileSync(file, yaml);
  return readSweep(file);
}

const usual = `
models: [a.safetensors, b.safetensors]
concepts:
  - { name: heart, forget: a red heart }
  - { name: moon, forget: [a moon], images: moons }
settings:
  - { name: "=short", steps: 10 }
  - { method: uce }
`;

it('a sweep is every model with every concept with all of the settings', async () => {
  const all = await read(usual);
  expect(all).toHaveLength(8);
  expect(new Set(all.map(({ key }) => key)).size).toBe(8);
  expect(all.map(({ settingsName }) => settingsName).slice(0, 2)).toEqual(['=short', 'method uce']);
  expect(path.basename(all[0]!.model)).toBe('a.safetensors');
  const { subject } = all[2]!;
  expect(subject.kind === 'concept' && path.isAbsolute(subject.concept.images!)).toBe(true);
  const presets = await read('models: a.safetensors\npresets: [nudity, {name: artist-style}]');
  expect(presets.map((one) => [one.subject.name, one.settingsName])).toEqual([
    ['nudity', 'defaults'],
    ['artist-style', 'defaults'],
  ]);
});

it('what an erasure is called, and what else is in the file, makes no other one of it', async () => {
  const file = path.join(makeTemporaryFolder(), 'mine.yaml');
  const keysOf = async (text: string) => {
    writeFileSync(file, text);
    return (await readSweep(file)).map(({ key }) => key);
  };
  const keys = await keysOf(usual);
  const more = await keysOf(`${usual.replace('=short', 'quick')}  - { steps: 20 }\n`);
  expect(more).toHaveLength(12);
  expect(keys.filter((key) => !more.includes(key))).toEqual([]);
});

it.each([
  ['no model', 'concepts: [{name: a, forget: b}]', /models/],
  ['nothing to forget', 'models: a', /nothing of what to forget/],
  ['an unknown setting', 'models: a\npresets: b\nsettings: {step: 1}', /step/],
  ['an alias', 'models: &a [b]\npresets: *a', /alias/],
])('a sweep with %s is refused', async (_, yaml, message) => {
  await expect(read(yaml)).rejects.toMatchObject({
    code: 'sweep.invalid',
    message: expect.stringMatching(message) as string,
  });
});

it('a concept without a name is refused as in a list of concepts', async () => {
  await expect(read('models: a\nconcepts: [{forget: b}]')).rejects.toMatchObject({
    code: 'concepts.invalid',
  });
});

const sample = (which: 'before' | 'after', role: 'forget' | 'retain'): RecordedEvent => ({
  ...{ event: 'sample', file: `samples/${which}-${role}.png`, prompt: role, which, step: 1, role },
  seed: 0,
});

it('of what is done the results are brought, and what cannot be has failed', async () => {
  const combinations = await read('models: [a, b]\npresets: nudity');
  const folder = makeTemporaryFolder();
  const [here, lost] = combinations.map(({ key }) => key);
  writeFileSync(
    path.join(folder, 'jobs.json'),
    JSON.stringify({ [here!]: 'here', [lost!]: 'lost' }),
  );
  const asked: string[] = [];
  const progress = progressOf([]);
  const results = await runSweep(combinations, {
    folder,
    place: {
      concurrency: 1,
      look: (id) => Promise.resolve({ id, isDone: true, progress, output: 'x', find: noFile }),
      work: () => Promise.reject(new Error('nothing is to be done again')),
      fetch: (id) => {
        asked.push(id);
        if (id === 'here') return Promise.resolve();
        return Promise.reject(new AppError('artifact.unreachable', 'the store is away.'));
      },
    },
    requestOf: () => {
      throw new Error('nothing is to be done again');
    },
    cancel: new AbortController().signal,
    onBegin: () => undefined,
  });
  expect(asked).toEqual(['here', 'lost']);
  const rows = rowsOf(results);
  expect(rows.map(({ state }) => state)).toEqual(['done', 'failed']);
  expect(rows[1]?.error?.message).toBe('the store is away.');
});

const noFile = () => Promise.resolve(null);

/** A job that was judged so. */
async function judged(shown: number, recognised: number): Promise<NonNullable<SweepResult['job']>> {
  const folder = makeTemporaryFolder();
  const red = { create: { width: 8, height: 8, channels: 3, background: 'red' } } as const;
  const picture = path.join(folder, 'picture.png');
  await sharp(red).png().toFile(picture);
  const figure = { id: 'zero-shot.shown', before: 1, after: shown };
  const evaluation = {
    forget: { pictures: 4, before: 1, after: shown, margin: 1 },
    retain: { pictures: 4, before: 0.8, after: recognised, change: 0 },
    unrelatedChange: null,
    figures: [figure],
    prompts: [],
  } as unknown as Evaluation;
  const samples = (['before', 'after'] as const).flatMap((which) => [
    sample(which, 'forget'),
    sample(which, 'retain'),
  ]);
  const stronger: RecordedEvent = {
    ...{ event: 'sample', file: 'samples/stronger.png', prompt: 'forget', which: 'after', step: 1 },
    ...{ role: 'forget', seed: 0, strength: 1.5 },
  };
  return {
    ...{ id: `job-${shown}`, isDone: true, output: '/models/a, without "b".safetensors' },
    progress: progressOf([
      ...samples,
      stronger,
      { event: 'evaluation', evaluation: evaluation as never },
    ]),
    find: (name) => Promise.resolve(name.startsWith('samples/') ? picture : null),
  };
}

it('its table has the best first, what failed too, and opens in a spreadsheet as it is', async () => {
  const [one, two, three, four] = await read(usual);
  const rows = rowsOf([
    { combination: one!, job: await judged(0.5, 0.4), error: null },
    { combination: two!, job: await judged(0, 0.8), error: null },
    {
      combination: three!,
      job: null,
      error: new AppError('settings.invalid', '<b>too "long"</b>.'),
    },
    { combination: four!, job: null, error: null },
  ]);
  expect(rows.map(({ state, score }) => [state, score])).toEqual([
    ['done', 1],
    ['done', 0.25],
    ['failed', null],
    ['open', null],
  ]);
  // As the result is, not at another strength.
  expect(rows[0]?.pictures).toEqual([
    ...['before-forget.png', 'after-forget.png'],
    ...['before-retain.png', 'after-retain.png'],
  ]);
  expect(settingsOf(rows)).toEqual([
    { name: 'method uce', done: 1, all: 2, score: 1 },
    { name: '=short', done: 1, all: 2, score: 0.25 },
  ]);
  const lines = sweepCsv(rows).split('\r\n');
  expect(lines[0]).toContain('zero-shot.shown before,zero-shot.shown after');
  expect(lines[2]).toBe(
    `a.safetensors,heart,'=short,done,0.25,,job-0.5,"/models/a, without ""b"".safetensors",,1,0.5`,
  );
  expect(lines[3]).toContain('"<b>too ""long""</b>."');
  const page = await sweepPage('mine', rows);
  expect(page.match(/<img src="data:image\/webp;base64,/g)).toHaveLength(8);
  expect(page).toContain('&lt;b&gt;too &quot;long&quot;&lt;/b&gt;.');
  expect(page).toContain('2 of 4 erasures are done');
  expect(page.indexOf('method uce')).toBeLessThan(page.indexOf('=short'));
});
