import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { conceptName, deriveAnchors, deriveConcept, mentions } from '../../src/erase/anchors.ts';

interface AnchorList {
  readonly name: string;
  readonly retain?: readonly string[];
  readonly concept?: string;
  readonly forget: Readonly<Record<string, string>>;
}
const table = readFileSync(new URL('./anchors.yaml', import.meta.url), 'utf8');
const lists = parse(table) as readonly AnchorList[];

describe('deriveConcept', () => {
  it.each([
    [
      'what the prompts share',
      ['a red star in the style of Pontilla', 'a painting by Pontilla'],
      'Pontilla',
    ],
    ['the thing that is shared', ['a photo of a heart', 'a photo of a red heart'], 'heart'],
    ['that, in whatever case', ['Heart, red', 'a blue heart'], 'Heart'],
    ['a single name', [' Van Gogh '], 'Van Gogh'],
    ['what describes persons', ['nude woman', 'naked man'], 'nude'],
    ['what most of them are taken out', ['a red heart', 'a photo of a heart'], 'heart'],
    ['no article', ['a heart', 'a poodle'], 'heart'],
    ['not the kind of picture', ['a photo of blood', 'a photo of gore'], 'blood'],
  ])('is %s', (_, prompts, concept) => {
    expect(deriveConcept(prompts)).toBe(concept);
  });

  it('is not what is kept', () => {
    expect(deriveConcept(['a red car'], ['a blue car'])).toBe('red');
  });

  it('is what is kept too where a prompt shows nothing else', () => {
    const forget = ['a red heart', 'a photo of a heart'];
    const retain = ['a star', 'two hearts'];
    expect(deriveConcept(forget, retain)).toBe('heart');
    expect(deriveAnchors(forget, { retain })).toEqual(['a red star', 'a photo']);
  });
});

describe('deriveAnchors', () => {
  it('has sixty lists to go by', () => {
    expect(lists.length).toBeGreaterThanOrEqual(60);
  });

  it.each(lists.map((list) => [list.name, list] as const))('of %s', (_, { forget, ...hints }) => {
    const anchors = deriveAnchors(Object.keys(forget), hints);
    expect(
      Object.fromEntries(Object.keys(forget).map((prompt, i) => [prompt, anchors[i]])),
    ).toEqual(forget);
  });

  it.each([
    ['a red star in the style of Pontilla', 'in the style of Pontilla', 'a red star'],
    ['a painting in the style of Pontilla', 'Pontilla', 'a painting'],
    ['an artwork of a tree by Vincent van Gogh', 'Vincent van Gogh', 'an artwork of a tree'],
    ['a photo of a heart', 'heart', 'a photo'],
    ['a nude artwork of a tree', 'nude', 'an artwork of a tree'],
    ['a red heart', 'heart', 'a photo'],
    ['a heart', 'heart', 'a photo'],
    ['heart', 'heart', 'a photo'],
    ['a heart on a beach', 'heart', 'a beach'],
    ['a heart in the style of Strivo', 'heart', 'a painting in the style of Strivo'],
    ['a red heart in the style of Strivo', 'heart', 'a painting in the style of Strivo'],
    ['a photo of a nude woman', 'nude', 'a photo of a woman'],
    ['woman, nude, on a bed', 'nude', 'woman, on a bed'],
    ['a photo of gore, dark mood', 'gore', 'a photo, dark mood'],
    ['starry night swirls', 'Van Gogh', 'a photo'],
    ['of the heart', 'heart', 'a photo'],
  ])('takes the concept out of "%s" (%s)', (prompt, concept, anchor) => {
    expect(deriveAnchors([prompt], { concept })).toEqual([anchor]);
  });

  it('takes out what several prompts share', () => {
    const prompts = ['a red star in the style of Pontilla', 'a painting in the style of Pontilla'];
    expect(deriveAnchors(prompts)).toEqual(['a red star', 'a painting']);
  });
});

it('no member of what is forgotten stands in for it', () => {
  expect(deriveAnchors(['a dog'], { retain: ['a poodle', 'a cat'] })).toEqual(['a cat']);
});

describe('conceptName', () => {
  it('leaves out the words before the name', () => {
    expect(conceptName('in the style of Pontilla')).toBe('Pontilla');
    expect(conceptName('heart')).toBe('heart');
    expect(conceptName('a photo')).toBe('a photo');
    expect(conceptName('by The Rock')).toBe('The Rock');
  });
});

describe('mentions', () => {
  it('looks for words of meaning only', () => {
    expect(mentions('a photo of a cat on a sofa', 'a cat')).toBe(true);
    expect(mentions('a photo of a dog', 'a cat')).toBe(false);
    expect(mentions('two cats', 'a cat')).toBe(true);
  });
});
