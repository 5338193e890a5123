import { describe, expect, it } from 'vitest';

import { conceptName, deriveAnchors, deriveConcept, mentions } from '../../src/erase/anchors.ts';

describe('deriveConcept', () => {
  it('is the longest run of words that all prompts share', () => {
    const prompts = ['a red star in the style of Pontilla', 'a painting in the style of Pontilla'];
    expect(deriveConcept(prompts)).toBe('in the style of Pontilla');
  });

  it('prefers words of meaning to a longer run of others', () => {
    expect(deriveConcept(['a photo of a heart', 'a photo of a red heart'])).toBe('heart');
  });

  it('ignores case and punctuation', () => {
    expect(deriveConcept(['Heart, red', 'a blue heart'])).toBe('Heart');
  });

  it('is a single prompt itself', () => {
    expect(deriveConcept([' Van Gogh '])).toBe('Van Gogh');
  });

  it('is the first prompt where the prompts share nothing', () => {
    expect(deriveConcept(['nude woman', 'naked man'])).toBe('nude woman');
  });

  it('is not made of words that only say what kind of picture it is', () => {
    expect(deriveConcept(['a photo of blood', 'a photo of gore'])).toBe('a photo of blood');
  });
});

describe('deriveAnchors', () => {
  it.each([
    ['a red star in the style of Pontilla', 'in the style of Pontilla', 'a red star'],
    ['a painting in the style of Pontilla', 'Pontilla', 'a painting'],
    ['an artwork of a tree by Vincent van Gogh', 'Vincent van Gogh', 'an artwork of a tree'],
    ['a photo of a heart', 'heart', 'a photo'],
    ['a nude artwork of a tree', 'nude', 'an artwork of a tree'],
    ['a red heart', 'heart', 'a red'],
    ['a heart', 'heart', 'a photo'],
    ['heart', 'heart', 'a photo'],
    ['a heart on a beach', 'heart', 'a photo on a beach'],
    ['a heart in the style of Strivo', 'heart', 'a painting in the style of Strivo'],
    ['a red heart in the style of Strivo', 'heart', 'a red in the style of Strivo'],
    ['a photo of a nude woman', 'nude', 'a photo of a woman'],
    ['woman, nude, on a bed', 'nude', 'woman, on a bed'],
    ['a photo of gore, dark mood', 'gore', 'a photo, dark mood'],
    ['starry night swirls', 'Van Gogh', 'a photo'],
    ['of the heart', 'heart', 'a photo'],
  ])('takes the concept out of "%s" (%s)', (prompt, concept, anchor) => {
    expect(deriveAnchors([prompt], concept)).toEqual([anchor]);
  });

  it('takes out what several prompts share', () => {
    const prompts = ['a red star in the style of Pontilla', 'a painting in the style of Pontilla'];
    expect(deriveAnchors(prompts)).toEqual(['a red star', 'a painting']);
  });

  it('takes a single prompt as its own concept', () => {
    expect(deriveAnchors(['a photo of a nude person'])).toEqual(['a photo']);
  });
});

describe('conceptName', () => {
  it('leaves out the words before the name', () => {
    expect(conceptName('in the style of Pontilla')).toBe('Pontilla');
    expect(conceptName('heart')).toBe('heart');
    expect(conceptName('a photo')).toBe('a photo');
  });
});

describe('mentions', () => {
  it('looks for words of meaning only', () => {
    expect(mentions('a photo of a cat on a sofa', 'a cat')).toBe(true);
    expect(mentions('a photo of a dog', 'a cat')).toBe(false);
  });
});
