import { describe, expect, it } from 'vitest';

import { tinyClassifiers } from '../../src/evaluation/classifier/judge-folder.ts';
import type { PicturePair } from '../../src/evaluation/evaluator.ts';
import { figureOf, type Role } from '../../src/evaluation/figure.ts';
import type { EvaluationSettings } from '../../src/evaluation/pictures.ts';
import { evaluators } from '../../src/evaluation/registry.ts';
import type { PixelImage } from '../../src/images/pixels.ts';
import { defaultSettings } from '../../src/methods/registry.ts';
import { describeFigure } from '../../src/report/describe-figure.ts';
import { createGenerator } from '../../src/tensor/random.ts';

// What every registered evaluator keeps to; a new one is tested without a line here.

const size = 64;
const generator = createGenerator(5);
const picture = (): PixelImage => ({
  data: generator.randn(3 * size * size).map((x) => x / 3),
  ...{ width: size, height: size },
});
const prompts: Readonly<Record<Role, readonly string[]>> = {
  forget: ['a red heart', 'a heart'],
  retain: ['a blue star', 'a red star', 'a photo of a moon'],
};
const pairs = (['forget', 'retain'] as const).flatMap((role) =>
  prompts[role].map((prompt, number): PicturePair => ({
    ...{ role, group: role, number, prompt, anchor: null, seed: 1 },
    ...{ before: picture(), after: picture() },
  })),
);
/** Asks for all there are. */
const settings: EvaluationSettings = {
  forget: prompts.forget.map((prompt) => ({ prompt, anchor: 'a thing' })),
  retain: prompts.retain,
  given: [picture()],
  classifiers: tinyClassifiers
    .map((classifier) => ({ ...classifier, classes: ['photo'] }))
    .slice(0, 1),
  ...{ count: 1, seed: 1, device: 'cpu', threads: 1 },
  drawing: defaultSettings({ size, modelChannels: 32 }),
};

it('evaluators have names of their own, and words for people', () => {
  expect(new Set(evaluators.map(({ id }) => id)).size).toBe(evaluators.length);
  for (const { id, words } of evaluators) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(words.title).toMatch(/^\p{Lu}/u);
    expect(words.help).toMatch(/^.+\.$/);
  }
});

const ofPictures = evaluators.flatMap((one) => (one.sees === 'pictures' ? [one] : []));

describe.each(ofPictures)('the evaluator $id', (evaluator) => {
  it('says of every picture what it sees, as figures that a person can read', async () => {
    expect(evaluator.isAsked(settings)).toBe(true);
    const judge = await evaluator.open(settings);
    for (const pair of pairs) await judge.see(pair);
    const measures = judge.measures();
    await judge.release();
    expect(measures.length).toBeGreaterThan(0);
    for (const measure of measures) {
      const { id, role, kind, title, meaning, limits, verdicts } = measure;
      expect(id).toMatch(new RegExp(`^${evaluator.id}(-\\d)?\\.[a-z]+$`));
      expect(title).toMatch(/^\p{Lu}/u);
      expect(meaning).toMatch(/^(is|of) .*[^.]$/);
      expect(limits ?? 'None.').toMatch(/\.$/);
      expect(verdicts).toHaveLength(prompts[role].length);
      const figure = figureOf(measure);
      expect(figure.pictures).toBeGreaterThan(0);
      const [low = Number.NaN, high = Number.NaN] = figure.intervals?.after ?? [];
      expect(low).toBeLessThanOrEqual(figure.after);
      expect(high).toBeGreaterThanOrEqual(figure.after);
      if (kind === 'share') expect([0, 1]).toContain(verdicts.find((one) => one !== null)?.after);
      expect(describeFigure(figure).after).not.toContain('NaN');
    }
  });
});
