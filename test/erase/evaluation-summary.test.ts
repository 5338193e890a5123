import { describe, expect, it } from 'vitest';

import { type ComparedPicture, summarize } from '../../src/erase/evaluation-summary.ts';

const picture = (changes: Partial<ComparedPicture>): ComparedPicture => ({
  role: 'forget',
  number: 0,
  prompt: 'a heart',
  scoresBefore: [0.5, 1.5],
  scoresAfter: [1, 1],
  change: 0.2,
  ...changes,
});

const kept = (changes: Partial<ComparedPicture>) =>
  picture({ role: 'retain', prompt: 'a star', scoresAfter: [0.9, 1, 1.1], ...changes });

const anchors = [{ anchor: 'a photo' }, { anchor: 'a red' }];

describe('summarize', () => {
  it('holds a forgotten picture to 0.3 of the lead that the original has', () => {
    const pictures = [
      picture({ scoresAfter: [0.86, 1.14] }),
      picture({ number: 1, prompt: 'a red heart', scoresAfter: [0.84, 1.16] }),
    ];
    const { forget, prompts } = summarize(pictures, anchors, null);
    expect(forget).toEqual({ pictures: 2, before: 1, after: 0.5, change: 0.2, margin: 1 });
    expect(prompts).toMatchObject([
      { role: 'forget', prompt: 'a heart', anchor: 'a photo', before: 1, after: 0 },
      { role: 'forget', prompt: 'a red heart', anchor: 'a red', before: 1, after: 1 },
    ]);
  });

  it('counts a kept picture whose own prompt is not the best as lost', () => {
    const pictures = [picture({}), kept({}), kept({ scoresAfter: [1, 0.9, 1.1], change: 0.4 })];
    const { retain, prompts } = summarize(pictures, anchors, 0.3);
    expect(retain.pictures).toBe(2);
    expect(retain.before).toBe(1);
    expect(retain.after).toBe(0.5);
    expect(retain.change).toBeCloseTo(0.3);
    expect(prompts[1]).toMatchObject({ role: 'retain', anchor: null, pictures: 2, after: 0.5 });
  });

  it('recognises nothing in latents that are not numbers', () => {
    const nothing = [Number.NaN, Number.NaN];
    const pictures = [picture({ scoresAfter: nothing }), kept({ scoresAfter: nothing })];
    const { forget, retain } = summarize(pictures, anchors, null);
    expect([forget.before, forget.after]).toEqual([1, 0]);
    expect([retain.before, retain.after]).toEqual([1, 0]);
  });

  it('does not take a concept that the original does not know for forgotten pictures of it', () => {
    const unknown = { scoresBefore: [1.2, 0.8], scoresAfter: [1.1, 0.9] };
    const { forget } = summarize([picture(unknown)], anchors, null);
    expect(forget).toMatchObject({ before: 0, after: 0 });
    expect(forget.margin).toBeLessThan(0);
  });
});
