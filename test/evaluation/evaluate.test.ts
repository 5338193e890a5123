import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { tinyClassifiers } from '../../src/evaluation/classifier/judge-folder.ts';
import { evaluate } from '../../src/evaluation/evaluate.ts';
import type { EvaluationSettings } from '../../src/evaluation/pictures.ts';
import {
  openClassifiers,
  releaseClassifiers,
  tinyModelFolder,
  tinyTraits,
} from '../bench/score.ts';
import { tinySd, writeForgetfulModel } from '../helpers/forgetful-model.ts';
import { defaultSettings } from '../../src/methods/registry.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const subjects = ['circle', 'square', 'star', 'heart', 'ring', 'moon'];
const colours = ['red', 'green', 'blue', 'yellow', 'pink', 'cyan'];
const things = subjects.map((subject, i) => `${colours[i] ?? ''} ${subject}`);

const settings: EvaluationSettings = {
  forget: things.map((thing) => ({
    prompt: `a ${thing} in the style of Pontilla`,
    anchor: `a ${thing}`,
  })),
  retain: things.map((thing) => `a ${thing} in the style of Flatto`),
  probes: [
    { group: 'neighbour', number: 6, prompt: 'a red star in the style of Strivo', anchor: null },
    {
      ...{ group: 'forget-against', number: 0, negative: 'Pontilla' },
      ...{ prompt: 'a red circle in the style of Pontilla', anchor: 'a red circle' },
    },
  ],
  count: 1,
  // Noise that ten steps draw well from: from others the classifiers miss a colour or a style.
  seed: 3,
  drawing: defaultSettings({ size: 64, modelChannels: 32 }),
  classifiers: tinyClassifiers.map((classifier) => ({
    ...classifier,
    classes: classifier.name === 'tiny-style' ? ['pontilla'] : [],
  })),
  device: 'cpu',
  threads: 1,
};

describe('evaluate', () => {
  it('sees what trained classifiers see in the same pictures, before and after', async () => {
    const file = path.join(makeTemporaryFolder(), 'forgetful.safetensors');
    await writeForgetfulModel(file, { word: 'pontilla', takenFor: 'flatto' });
    const before = await openCheckpoint(tinySd);
    const after = await openCheckpoint(file);
    const classifiers = await openClassifiers(tinyModelFolder, tinyTraits);
    const seen = new Map<string, boolean>();
    const phases: string[] = [];
    let progress: [number, number] = [0, 0];
    const evaluation = await evaluate(before, after, settings, {
      signal: new AbortController().signal,
      onPhase: (phase) => phases.push(phase),
      onProgress: (done, total) => (progress = [done, total]),
      onPictures: async ({ role, prompt, ...images }) => {
        for (const which of ['before', 'after'] as const) {
          const [subject, colour, style] = await Promise.all(
            tinyTraits.map(async (trait) => (await classifiers[trait].labelsIn(images[which]))[0]),
          );
          const isThing = prompt.startsWith(`a ${String(colour)} ${String(subject)} `);
          const isStyle = prompt.endsWith(String(style));
          seen.set(`${which} ${prompt}`, role === 'forget' ? isStyle : isStyle && isThing);
        }
      },
    });
    await releaseClassifiers(classifiers);
    await before.file.close();
    await after.file.close();

    expect(phases).toEqual(['encode', 'generate', 'evaluate']);
    expect(progress).toEqual([56, 56]);
    const { figures, forget, retain, prompts, unrelatedChange } = evaluation;
    expect(forget).toMatchObject({ pictures: 6, before: 1, after: 0 });
    expect(forget.margin).toBeGreaterThan(0.1);
    // Kept prompts do not hold the word, so their pictures are the same.
    expect(retain).toMatchObject({ pictures: 6, change: 0 });
    expect(retain.after).toBe(retain.before);
    expect(unrelatedChange).toBeGreaterThan(0.1);

    const neighbour = figures.find(({ id }) => id === 'zero-shot.recognised.neighbour');
    const sharpness = figures.find(({ id }) => id === 'sharpness.kept');
    // The classifier of styles as a judge: the same verdicts as here, and its false positives.
    expect(figures.map(({ id, before, after }) => [id, before, after])).toEqual([
      ['zero-shot.shown', 1, 0],
      ['zero-shot.recognised', retain.before, retain.after],
      // A red circle that lost its style is still a red circle.
      ['zero-shot.rest', 1, 1],
      ['zero-shot.shown.forget-against', expect.any(Number), 0],
      ['zero-shot.recognised.neighbour', neighbour?.before, neighbour?.before],
      ['classifier.shown', 1, 0],
      ['classifier.shown.forget-against', expect.any(Number), 0],
      ['classifier.false', 0, 0],
      ['classifier.false.neighbour', 0, 0],
      // What kept prompts name is still there, to the classifiers of style, subject and colour.
      ['classifier.named', 1, 1],
      ['classifier-2.named', 1, 1],
      ['classifier-3.named', 1, 1],
      ['change.kept', null, 0],
      ['sharpness.forgotten', expect.any(Number), expect.any(Number)],
      ['sharpness.kept', sharpness?.after, sharpness?.after],
    ]);
    expect(figures[0]?.intervals?.after).toEqual([expect.closeTo(0, 6), expect.closeTo(0.39, 2)]);

    const own = prompts.filter(({ role, group }) => group === role);
    const verdicts = own.flatMap(({ role, prompt, verdicts }) => {
      const id = role === 'forget' ? 'zero-shot.shown' : 'zero-shot.recognised';
      const { before, after } = verdicts[id]!;
      return [[`before ${prompt}`, before] as const, [`after ${prompt}`, after] as const];
    });
    expect(verdicts).toHaveLength(24);
    const disagreeing = verdicts.filter(([key, share]) => seen.get(key) !== (share === 1));
    expect(disagreeing.length / verdicts.length, String(disagreeing)).toBeLessThanOrEqual(0.1);
  }, 300_000);

  it('stops between pictures when it is aborted', async () => {
    const checkpoint = await openCheckpoint(tinySd);
    const reason = new Error('enough');
    const cancelling = new AbortController();
    const ended = evaluate(checkpoint, checkpoint, settings, {
      signal: cancelling.signal,
      onPhase: () => {
        cancelling.abort(reason);
      },
    });
    await expect(ended).rejects.toBe(reason);
    await checkpoint.file.close();
  });
});
