import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { byConcept } from '../../src/evaluation/by-concept.ts';
import { BatchSource } from '../../src/training/batch-source.ts';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { comparedPromptsOf } from '../../src/erase/compared-pictures.ts';
import { defaultSettings, usualModel } from '../../src/methods/registry.ts';
import { writeReport } from '../../src/report/write-report.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from './tiny-job.ts';

const forget = [
  { prompt: 'a star in the style of Pontilla', anchor: 'a star' },
  { prompt: 'a red moon in the style of Pontilla', anchor: 'a red moon' },
  { prompt: 'a heart', anchor: 'a ring' },
];
const concepts = [
  {
    name: 'Pontilla',
    prompts: [forget[0]!.prompt, forget[1]!.prompt],
    neighbours: [],
    images: null,
  },
  { name: 'heart', prompts: ['a heart'], neighbours: ['a blue moon'], images: null },
];

it('forgets two in one run, resumed to the same bytes, and tells the figures of each', async () => {
  const settings = {
    ...{ steps: 2, batch: 2, generatedForget: 4, generatedRetain: 2, drawSteps: 2 },
    ...{ evaluationPictures: 1 },
  };
  const make = async (folder: string) => ({
    ...(await makeTinyJob(folder, settings)),
    ...{ forget, concepts },
  });
  const folder = makeTemporaryFolder();
  const job = await make(folder);
  const killed = await runTinyJob(job, folder, [], ({ event }) => event === 'progress');
  const events = await runTinyJob(job, folder, killed);
  const other = makeTemporaryFolder();
  const whole = await make(other);
  await runTinyJob({ ...whole, settings: { ...whole.settings, evaluationPictures: 0 } }, other);
  expect(readFileSync(whole.output).equals(readFileSync(job.output))).toBe(true);

  const told = events.flatMap((event) => (event.event === 'evaluation' ? event.evaluation : []));
  const [evaluation] = told;
  if (!evaluation || !('figures' in evaluation)) throw new Error('nothing was evaluated');
  expect(evaluation.concepts?.map(({ name, forget: own }) => [name, own.pictures])).toEqual([
    ['Pontilla', 2],
    ['heart', 1],
  ]);
  expect(evaluation.concepts?.map(({ retain }) => retain?.pictures ?? null)).toEqual([null, 1]);
  await writeReport(folder, job, events);
  const report = readFileSync(path.join(folder, 'report.html'), 'utf8');
  expect(report).toContain('Each concept');
  expect(report).toMatch(/<td><bdi>heart<\/bdi><\/td>/);
}, 180_000);

it('draws rows of each concept in turn, however many pictures each has', () => {
  const latents = new Float32Array(4);
  const size = { latentHeight: 1, latentWidth: 1 };
  const itemOf = (prompt: string) => ({ prompt, latents, size, framing: null });
  const encoded = new Map(
    forget.map(({ prompt }) => [prompt, { context: new Float32Array(1), pooled: null }]),
  );
  const source = new BatchSource(
    {
      forget: [0, 0, 0, 0, 1, 1, 1, 2].map((i) => itemOf(forget[i]!.prompt)),
      ...{ retain: [], anchors: new Map(), prompts: encoded },
    },
    {
      ...{ seed: 1, batch: 4, holds: true, concepts: concepts.map(({ prompts }) => prompts) },
      process: new VariancePreserving(createNoiseSchedule(), 'epsilon'),
    },
  );
  const rowsOf = (index: number) =>
    source.take('forget', { index }, 'forget').items.map(({ prompt }) => prompt === 'a heart');
  expect(rowsOf(0)).toEqual([false, true, false, true]);
  expect(rowsOf(5)).toEqual([false, true, false, true]);
  source.hold([1]);
  const { items, isHeld } = source.take('forget', { index: 6 }, 'forget');
  expect(items.map(({ prompt }) => prompt === 'a heart')).toEqual([false, false, false, true]);
  expect(isHeld).toEqual([false, false, false, true]);
});

it('compares pictures of every concept, and of the neighbours of each', () => {
  const many = Array.from({ length: 20 }, (_, i) => ({ prompt: `a ${i}`, anchor: 'x' }));
  const few = [{ prompt: 'b', anchor: 'x' }];
  const retain = Array.from({ length: 40 }, (_, i) => `kept ${i}`);
  const settings = defaultSettings({ ...usualModel, size: 64 });
  const chosen = comparedPromptsOf({
    ...{ forget: [...many, ...few], retain, settings },
    concepts: [
      { name: 'a', prompts: many.map(({ prompt }) => prompt), neighbours: [], images: null },
      { name: 'b', prompts: ['b'], neighbours: ['kept 33'], images: null },
    ],
  });
  expect(chosen.forget.map(({ index }) => index)).toEqual([0, 5, 10, 15, 20]);
  expect(chosen.retain).toContainEqual({ item: 'kept 33', index: 33 });
  expect(chosen.retain).toHaveLength(9);
});

it('weighs each prompt of a concept by its pictures', () => {
  const promptOf = (prompt: string, pictures: number, after: number) => ({
    ...{ role: 'forget' as const, prompt, anchor: 'x', pictures },
    verdicts: { 'zero-shot.shown': { before: 1, after } },
  });
  const [only, ...others] = byConcept(
    [promptOf('a', 3, 0), promptOf('b', 1, 1), promptOf('c', 1, 1)],
    [
      { name: 'ab', prompts: ['a', 'b'], neighbours: [] },
      { name: 'none', prompts: ['d'], neighbours: [] },
    ],
  );
  expect(only).toEqual({
    ...{ name: 'ab', retain: null },
    forget: { pictures: 4, verdicts: { 'zero-shot.shown': { before: 1, after: 0.25 } } },
  });
  expect(others).toEqual([]);
});
