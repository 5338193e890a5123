import { describe, expect, it } from 'vitest';

import { findNearContradictions, requireNoContradiction } from '../../src/erase/contradictions.ts';

const forgetting = (...prompts: string[]) =>
  prompts.map((prompt) => ({ prompt, anchor: 'a photo' }));

describe('requireNoContradiction', () => {
  it.each([
    'a heart',
    'A  HEART',
    '(a heart:1.1)',
    'ａ ｈｅａｒｔ',
    'a_heart,',
    'a heart <lora:x:1>',
  ])('refuses to forget "a heart" and keep %j, and names both', (kept) => {
    const check = () => {
      requireNoContradiction(forgetting('a star', 'a heart'), ['a moon', kept]);
    };
    expect(check).toThrow(/"a heart" is both to be forgotten and to be retained/);
    if (kept !== 'a heart') expect(check).toThrow(`written "${kept}"`);
  });

  it('refuses an anchor that is its own prompt, or another that is forgotten', () => {
    const steered = (anchor: string) => () => {
      requireNoContradiction([{ prompt: 'a heart', anchor }, ...forgetting('a star')], ['a moon']);
    };
    expect(steered('(A heart)')).toThrow(
      /"a heart".*its own anchor, where it is written "\(A heart\)"/,
    );
    expect(steered('A star.')).toThrow(
      /"a heart" has the anchor "A star.", which is to be forgotten/,
    );
    expect(steered('a moon')).not.toThrow();
  });
});

describe('findNearContradictions', () => {
  it.each([
    ['a heart', 'the hearts'],
    ['dog', 'a dog on a lawn'],
    ['a photo of a dog', 'dog'],
    ['red, heart', 'heart, red'],
    ['a café', 'a cafe'],
  ])('tells that keeping shows what is forgotten: %j, %j', (forgotten, kept) => {
    expect(findNearContradictions(forgetting(forgotten), ['a moon', kept])).toEqual([
      expect.stringMatching(`shows what is to be forgotten: "${kept}" \\(`),
    ]);
  });

  it.each([
    ['a poodle', 'a dog'],
    ['a dog', 'poodles in a park'],
    ['a poodle', 'animals'],
    ['a pistol', 'weapons'],
    ['a golden retriever', 'a dog'],
    ['a red heart', 'a heart'],
    ['a taxi', 'cars'],
  ])('tells that one holds the other: %j, %j', (forgotten, kept) => {
    expect(findNearContradictions(forgetting(forgotten), ['a moon', kept])).toEqual([
      expect.stringContaining(`of a kind with what is to be forgotten: "${kept}" (`),
    ]);
  });

  it('takes what all prompts share for what is forgotten where it can be nothing else', () => {
    const style = forgetting('a star in the style of Pontilla', 'a moon in the style of Pontilla');
    expect(
      findNearContradictions(style, ['a star', 'a blue sun in the style of Pontilla']),
    ).toEqual([expect.stringContaining('"a blue sun in the style of Pontilla" (pontilla)')]);
    const nude = forgetting('a nude woman', 'a naked woman');
    expect(findNearContradictions(nude, ['a woman in a coat', 'a statue'])).toEqual([]);
    expect(findNearContradictions(nude, ['a nude statue'], 'nude')).toHaveLength(1);
  });

  it('tells of an anchor that shows what is forgotten', () => {
    const steered = (prompt: string, anchor: string) =>
      findNearContradictions([{ prompt, anchor }], ['a moon']);
    expect(steered('a heart', 'a photo of a heart')).toEqual([
      expect.stringContaining(
        'steered to shows what is to be forgotten: "a photo of a heart" (heart)',
      ),
    ]);
    expect(steered('a dog', 'a poodle')).toHaveLength(1);
    expect(steered('a poodle', 'a dog')).toEqual([]);
  });

  it.each([
    ['a heart', 'a heartless man'],
    ['a hot dog', 'a poodle'],
    ['a weapon', 'a kitchen knife'],
    ['a red star in the style of Pontilla', 'a red star'],
    ['a cat', 'a dog'],
    ['a car', 'a carpet'],
  ])('does not take %j and %j for one', (forgotten, kept) => {
    expect(findNearContradictions(forgetting(forgotten), [kept])).toEqual([]);
  });

  it('is quick with a thousand prompts on either side', () => {
    const many = (what: string) => Array.from({ length: 1000 }, (_, i) => `a ${what} number ${i}`);
    const started = performance.now();
    findNearContradictions(forgetting(...many('dog')), many('star'));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
