import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import type { EraseEvent } from '../../src/erase/events.ts';
import type { EraseJob } from '../../src/erase/job.ts';
import { readEvaluation } from '../../src/evaluation/stored-evaluation.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { makeTinyJob, runTinyJob } from '../erase/tiny-job.ts';

const pictures = path.resolve('presets/tiny-sd/images/forget-pontilla');

/** A job that forgets two pictures; the caption of one is also that of what is kept. */
async function sissJob(folder: string, changes: Record<string, unknown> = {}): Promise<EraseJob> {
  const forgetImages = path.join(folder, 'given');
  mkdirSync(forgetImages, { recursive: true });
  for (const name of ['000', '001']) {
    copyFileSync(path.join(pictures, `${name}.png`), path.join(forgetImages, `${name}.png`));
  }
  writeFileSync(path.join(forgetImages, '000.txt'), 'a blue moon');
  const job = await makeTinyJob(folder, {
    ...{ method: 'siss', steps: 3, batch: 2, accumulation: 2, retainTarget: 'noise' },
    ...{
      firstTimestep: 900,
      forgetNorm: 1280,
      push: 'always',
      evaluationPictures: 1,
      saveEvery: 1,
    },
    ...changes,
  });
  return { ...job, forgetImages };
}

const progressOf = (events: readonly EraseEvent[]) =>
  events.flatMap((event) => (event.event === 'progress' ? [event] : []));

it('a run forgets given pictures; stopped and resumed it ends with the same bytes', async () => {
  const whole = makeTemporaryFolder();
  const job = await sissJob(whole);
  const events = await runTinyJob(job, whole);
  const progress = progressOf(events);
  expect(progress.map(({ step }) => step)).toEqual([1, 2, 3]);
  for (const { lambda, forgetLoss, retainLoss, forgetGradientNorm } of progress) {
    expect(forgetLoss).toBeGreaterThan(0);
    expect(retainLoss).toBeGreaterThan(0);
    // λ brings the gradient to the norm that was asked for, of a 64th of the entries.
    expect(lambda! * forgetGradientNorm!).toBeCloseTo(20, 3);
  }
  const last = events.at(-1);
  expect(last).toMatchObject({ event: 'evaluation' });
  if (last?.event !== 'evaluation') throw new Error('no evaluation');
  const { figures, prompts } = readEvaluation(last.evaluation);
  const id = 'given-pictures.distance';
  const distance = figures.find((figure) => figure.id === id)!;
  expect(distance.before).toBeGreaterThan(0);
  expect(distance.before).toBeLessThan(2 * distance.reference!.value);
  expect(distance.after).not.toBe(distance.before);
  const { before, after } = distance;
  expect(prompts[0]!.verdicts[id]).toEqual({ before, after });
  expect(prompts.find(({ role }) => role === 'retain')!.verdicts[id]).toBeUndefined();

  const broken = makeTemporaryFolder();
  const stopped = await sissJob(broken);
  const cut = await runTinyJob(
    stopped,
    broken,
    [],
    (event) => event.event === 'progress' && event.step === 2,
  );
  expect(progressOf(cut)).toHaveLength(2);
  await runTinyJob(stopped, broken, cut);
  expect(readFileSync(stopped.output).equals(readFileSync(job.output))).toBe(true);
}, 300_000);

it('pushes pictures away until it is far worse at them than it was without their captions', async () => {
  const folder = makeTemporaryFolder();
  const job = await sissJob(folder, {
    push: 'known',
    steps: 6,
    learningRate: 3e-3,
    evaluationPictures: 0,
  });
  for (const name of ['000.txt', '001.txt']) {
    copyFileSync(path.join(pictures, name), path.join(folder, 'given', name));
  }
  const progress = progressOf(await runTinyJob(job, folder));
  expect(progress[0]!.lambda).toBeGreaterThan(0);
  expect(progress.at(-1)!.lambda).toBe(0);
  const losses = (pushed: boolean) =>
    progress.filter(({ lambda }) => lambda! > 0 === pushed).map(({ forgetLoss }) => forgetLoss!);
  expect(Math.min(...losses(false))).toBeGreaterThan(progress[0]!.forgetLoss!);
}, 120_000);

it('the provenance of a result tells the method and nothing of the other one', async () => {
  const { provenanceOf } = await import('../../src/erase/result.ts');
  const job = await sissJob(makeTemporaryFolder());
  const { method, settings } = provenanceOf(job, 3, []);
  expect(method).toBe('siss');
  expect(settings).toMatchObject({ mixture: 0.5, forgetNorm: 1280, firstTimestep: 900 });
  expect(settings).not.toHaveProperty('rule');
  expect(settings).not.toHaveProperty('method');
  const other = provenanceOf(await makeTinyJob(makeTemporaryFolder(), {}), 3, []).settings;
  expect(other).toHaveProperty('rule');
  expect(other).not.toHaveProperty('mixture');
});
