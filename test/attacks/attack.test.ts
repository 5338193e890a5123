import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { attacks } from '../../src/attacks/registry.ts';
import type { AttackResult } from '../../src/attacks/run-attack.ts';
import { seedFor } from '../../src/tensor/random.ts';
import { copyTinySd } from '../cli/bad-input-files.ts';
import { writeForgetfulModel } from '../helpers/forgetful-model.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** tiny-sd, and the same with one word taken for another: all that the UNet knows is still there. */
async function makeModels(
  lost: Parameters<typeof writeForgetfulModel>[1] = { word: 'pontilla', takenFor: 'flatto' },
): Promise<string> {
  const folder = makeTemporaryFolder();
  copyTinySd(folder);
  await writeForgetfulModel(path.join(folder, 'scrubbed.safetensors'), lost);
  return folder;
}

const judgedBy = (trait: string, name: string) => [
  ...['--judge', path.resolve(`presets/tiny-sd/cls-${trait}.onnx`), '--judge-class', name],
  ...['--judge-labels', `${path.resolve('presets/tiny-sd/classifiers.json')}#${trait}`],
];
const models = ['--original', 'tiny-sd.safetensors', '--model', 'scrubbed.safetensors'];
const twoPictures = [
  ...['--count', '2', '--seed', '3', '--draw-steps', '10', '--threads', '1', '--device', 'cpu'],
  '--json',
];
const quick = [
  ...['attack', ...models],
  ...['--prompt', 'a red star in the style of Pontilla', '--retain', 'a photo of a red star'],
  ...[...judgedBy('style', 'Pontilla'), ...twoPictures],
];

async function attack(...args: string[]): Promise<AttackResult> {
  return run([...quick, ...args], await makeModels());
}

async function run(args: string[], folder: string): Promise<AttackResult> {
  const { status, stdout } = await callCli(args, folder);
  expect(status, stdout).toBe(0);
  const events = parseEvents(stdout);
  const last = events.findLast(({ event }) => event === 'progress');
  expect(last?.step).toBe(last?.steps);
  expect(events.at(-1)).toMatchObject({ event: 'done' });
  return events.find(({ event }) => event === 'attack') as unknown as AttackResult;
}

const lastShown = ({ curves }: AttackResult, id: string) =>
  curves.find((curve) => curve.id === id)?.points.at(-1)?.shown;

describe('attack', () => {
  it('finds by a picture to go on from what a model has only lost the word for', async () => {
    const result = await attack('--kind', 'context');
    // The prompts themselves no longer show it.
    expect(result.asked).toMatchObject({ original: { shown: 2 }, scrubbed: { shown: 0 } });
    const ids = ['scrubbed', 'scrubbed-empty', 'original', 'original-empty'];
    expect(result.curves.map(({ id }) => id)).toEqual(ids);
    for (const { points } of result.curves) {
      expect(points.map(({ at }) => at)).toEqual([20, 40, 60, 80, 95]);
    }
    // Without a prompt both models are one and the same.
    const [, scrubbed, , original] = result.curves;
    expect(scrubbed?.points).toEqual(original?.points);
    expect(scrubbed?.points[0]?.shown).toBe(2);
    expect(lastShown(result, 'original')).toBe(2);
    expect(lastShown(result, 'scrubbed')).toBe(0);
  });

  it('asks in other words, and judges each', async () => {
    const other = 'a painting of a red star in the style of Pontilla';
    const result = await attack('--kind', 'paraphrase', '--paraphrase', other);
    expect(result.curves).toMatchObject([
      { id: 'scrubbed', points: [{ at: 1, label: other, pictures: 2, shown: 0 }] },
      { id: 'original', points: [{ at: 1, label: other, pictures: 2, shown: 2 }] },
    ]);
  });

  it('finds the word under which a model still knows what it has lost its own for', async () => {
    const folder = await makeModels({ word: 'heart', takenFor: 'star', renamed: 'zebra' });
    const asked = [
      '--prompt',
      'a photo of a red heart => a photo of a red star',
      '--kind',
      'prompt',
    ];
    const judge = judgedBy('subject', 'heart');
    const result = await run(
      ['attack', ...models, ...asked, ...judge, ...twoPictures, '--steps', '3'],
      folder,
    );
    expect(result.asked).toMatchObject({ original: { shown: 2 }, scrubbed: { shown: 0 } });
    expect(result.curves.map(({ id }) => id)).toEqual(['scrubbed', 'random', 'original']);
    expect(result.curves[0]?.points.map(({ at }) => at)).toEqual([0, 1, 2, 3]);
    const last = result.curves[0]?.points.at(-1);
    expect(last).toMatchObject({ shown: 2 });
    expect(last?.found).toMatch(/^a photo of a red .*\bzebra\b/);
    // The concept's own word may not be found.
    for (const { points } of result.curves) {
      for (const { found = '' } of points) expect(found).not.toContain('heart');
    }
  });

  it('fine-tunes on other things, by which a word that was lost stays lost', async () => {
    const result = await attack('--kind', 'finetune', '--steps', '1');
    expect(result.curves).toMatchObject([
      {
        id: 'scrubbed',
        points: [
          { at: 0, shown: 0 },
          { at: 1, shown: 0 },
        ],
      },
      {
        id: 'original',
        points: [
          { at: 0, shown: 2 },
          { at: 1, shown: 2 },
        ],
      },
    ]);
  });

  it('counts pictures that come back as they were, and learns a token from each', async () => {
    const folder = await makeModels({ word: 'red', takenFor: 'blue' });
    const prompt = 'a red star in the style of Pontilla';
    const look = ['--steps', '10', '--cfg', '7.5', '--sampler', 'ddim'];
    // What the original draws of the prompt is the very picture that was to be forgotten.
    const drawn = ['--seed', String(seedFor(3, 'attack', 0)), '--count', '1', '--out', 'given'];
    const sample = ['sample', '--model', 'tiny-sd.safetensors', '--prompt', prompt];
    const sampled = await callCli([...sample, ...look, ...drawn, '--device', 'cpu'], folder);
    expect(sampled.status, sampled.stdout).toBe(0);
    const asked = ['--prompt', prompt, '--retain', 'a blue star in the style of Pontilla'];
    const how = ['--draw-cfg', '7.5', '--draw-sampler', 'ddim', '--steps', '1'];
    const extraction = [
      ...['attack', '--kind', 'extraction', ...models, ...asked],
      ...[...twoPictures, ...how],
    ];
    const result = await run([...extraction, '--images', 'given'], folder);
    expect(result.asked.original.shown).toBeGreaterThan(0);
    expect(result.asked.scrubbed.shown).toBe(0);
    expect(result.curves.map(({ id, points }) => [id, points.map(({ at }) => at)])).toEqual([
      ['scrubbed', [0, 1]],
      ['random', [1]],
      ['original', [0, 1]],
    ]);
    for (const { points } of result.curves) {
      for (const { pictures } of points) expect(pictures).toBe(2);
    }
    expect(result.caution).toBeNull();

    const refused = await callCli(extraction, folder);
    expect([refused.status, refused.stdout]).toEqual([
      2,
      expect.stringContaining('--images FOLDER'),
    ]);
  });

  it('needs other words to ask in', async () => {
    const folder = await makeModels();
    const { status, stdout } = await callCli([...quick, '--kind', 'paraphrase'], folder);
    expect(status).toBe(2);
    expect(stdout).toContain('--paraphrase PROMPT');
  });

  it('needs prompts where the model tells none', async () => {
    const folder = await makeModels();
    const args = quick.filter(
      (arg) => !['--prompt', '--retain'].includes(arg) && !arg.includes('red star'),
    );
    const { status, stdout } = await callCli(args, folder);
    expect(status).toBe(2);
    expect(stdout).toContain('--prompt PROMPT');
  });
});

it('every attack has words, and as many pieces of work as it has at least two models', () => {
  expect(new Set(attacks.map(({ id }) => id)).size).toBe(attacks.length);
  for (const { words } of attacks) {
    for (const text of [words.title, words.axis]) expect(text).toMatch(/^[A-Z].*[^.]$/);
    for (const text of [words.help, words.limits]) expect(text).toMatch(/^[A-Z].*\.$/s);
  }
});
