import { describe, expect, it } from 'vitest';

import { figureOf } from '../../src/evaluation/figure.ts';
import { type JudgedPicture, zeroShotMeasures } from '../../src/evaluation/zero-shot/measures.ts';

const picture = (changes: Partial<JudgedPicture>): JudgedPicture => ({
  group: 'forget',
  scoresBefore: [0.5, 1.5],
  scoresAfter: [1, 1],
  ...changes,
});

const kept = (changes: Partial<JudgedPicture>) =>
  picture({ group: 'retain', scoresAfter: [0.9, 1, 1.1], ...changes });

const figuresOf = (pictures: readonly JudgedPicture[]) =>
  zeroShotMeasures(pictures, { picturesWereGiven: false }).map(figureOf);

describe('the zero-shot measures', () => {
  it('hold a forgotten picture to 0.3 of the lead that the original has', () => {
    const pictures = [
      picture({ scoresAfter: [0.86, 1.14] }),
      picture({ scoresAfter: [0.84, 1.16] }),
    ];
    const [shown] = zeroShotMeasures(pictures, { picturesWereGiven: false });
    expect(shown.verdicts).toEqual([
      { before: 1, after: 0 },
      { before: 1, after: 1 },
    ]);
    expect(figuresOf(pictures)[0]).toMatchObject({
      ...{ role: 'forget', pictures: 2, before: 1, after: 0.5, details: { margin: 1 } },
    });
  });

  it('count a kept picture whose own prompt is not the best as lost', () => {
    const [, recognised] = figuresOf([picture({}), kept({}), kept({ scoresAfter: [1, 0.9, 1.1] })]);
    expect(recognised).toMatchObject({ role: 'retain', pictures: 2, before: 1, after: 0.5 });
  });

  it('recognise nothing in latents that are not numbers', () => {
    const nothing = [Number.NaN, Number.NaN];
    const figures = figuresOf([picture({ scoresAfter: nothing }), kept({ scoresAfter: nothing })]);
    expect(figures).toMatchObject([
      { before: 1, after: 0 },
      { before: 1, after: 0 },
    ]);
  });

  it('do not take a concept that the original does not know for forgotten', () => {
    const [shown] = figuresOf([picture({ scoresBefore: [1.2, 0.8], scoresAfter: [1.1, 0.9] })]);
    expect(shown).toMatchObject({ before: 0, after: 0 });
    expect(shown?.caution).toMatch(/hardly tells/);
    expect(shown?.details?.margin).toBeLessThan(0);
  });

  it('say that they mean little where single pictures were to be forgotten', () => {
    const [shown] = zeroShotMeasures([picture({})], { picturesWereGiven: true });
    expect(shown.caution).toMatch(/the distance to them tells/);
  });
});
