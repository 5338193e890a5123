import { describe, expect, it } from 'vitest';

import { preparePrompts } from '../../src/jobs/request/prepare-prompts.ts';

const nothing = {
  ...{ forget: [], retain: [], forgetImages: undefined, retainImages: undefined },
  ...{ anchor: undefined, concept: undefined },
};
const concept = (name: string, forget: string[], neighbours: string[] = []) => ({
  ...{ name, forget, neighbours },
});

describe('several concepts', () => {
  it('have anchors of their own, and neighbours that are kept beside what all keep', async () => {
    const monet = ['a painting by Claude Monet', 'a boat in the style of Claude Monet'];
    const prepared = await preparePrompts(
      {
        ...nothing,
        retain: ['a photo of a cat'],
        concepts: [
          concept('Claude Monet', monet, ['a painting by Sisley']),
          { ...concept('heart', ['a red heart => a red star', 'a heart']), anchor: 'a moon' },
        ],
      },
      undefined,
      'concept',
    );
    expect(prepared.forget).toEqual([
      { prompt: monet[0], anchor: 'a painting' },
      { prompt: monet[1], anchor: 'a boat' },
      { prompt: 'a red heart', anchor: 'a red star' },
      { prompt: 'a heart', anchor: 'a moon' },
    ]);
    expect(prepared.retain).toEqual(['a photo of a cat', 'a painting by Sisley']);
    expect(prepared.concept).toBe('Claude Monet and heart');
    expect(prepared.concepts).toEqual([
      {
        ...{ name: 'Claude Monet', prompts: monet, images: null },
        neighbours: ['a painting by Sisley'],
      },
      { name: 'heart', prompts: ['a red heart', 'a heart'], images: null, neighbours: [] },
    ]);
  });

  it('keep the neutral prompts that speak of none of them where nothing else is kept', async () => {
    const { retain } = await preparePrompts(
      { ...nothing, concepts: [concept('dog', ['a dog']), concept('mountain', ['a mountain'])] },
      undefined,
      'concept',
    );
    expect(retain.length).toBeGreaterThan(2);
    expect(retain.filter((prompt) => /\b(dog|mountain)/.test(prompt))).toEqual([]);
  });

  it.each([
    [
      'a prompt of two concepts',
      [concept('a', ['a dog']), concept('b', ['a dog', 'a cat'])],
      'the prompt "a dog" is one of "a" and of "b". Take it out of one of them.',
    ],
    [
      'one name twice',
      [concept('Dog', ['a dog']), concept('dog', ['a hound'])],
      'two concepts are called "dog"',
    ],
    [
      'a neighbour that another concept forgets',
      [concept('dog', ['a dog'], ['a cat']), concept('cat', ['a cat'])],
      'the prompt "a cat" is both to be forgotten and to be retained',
    ],
    [
      'an anchor that another concept forgets',
      [{ ...concept('dog', ['a dog']), anchor: 'a cat' }, concept('cat', ['a cat'])],
      'has the anchor "a cat", which is to be forgotten itself',
    ],
    ['an empty prompt', [concept('dog', [' '])], 'a prompt of "dog" is empty'],
  ])('refuses %s', async (_, concepts, message) => {
    const preparing = preparePrompts({ ...nothing, concepts }, undefined, 'concept');
    await expect(preparing).rejects.toThrow(message);
  });
});
