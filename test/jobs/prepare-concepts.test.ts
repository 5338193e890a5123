import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { draftJob } from '../../src/jobs/request/draft-job.ts';
import { preparePrompts } from '../../src/jobs/request/prepare-prompts.ts';
import { presetFolders } from '../../src/presets/load-presets.ts';
import { parsePreset } from '../../src/presets/preset.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

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

describe('the list of a preset', () => {
  const preset = parsePreset(
    `
name: two
title: Two
description: Two concepts.
concepts:
  - {name: Claude Monet, forget: [a painting by Claude Monet], neighbours: [a painting by Sisley]}
  - {name: Renoir, forget: [a portrait by Renoir]}
heldBack: [a boat by Renoir]
retain: [a photo of a cat]
expectation: Neither.
`,
    'two.yaml',
  );

  it('is what is forgotten, each with its own anchor, and so are its further wordings', async () => {
    const prepared = await preparePrompts(nothing, preset, 'concept');
    expect(prepared.concepts.map(({ name }) => name)).toEqual(['Claude Monet', 'Renoir']);
    expect(prepared.forget).toEqual([
      { prompt: 'a painting by Claude Monet', anchor: 'a painting' },
      { prompt: 'a portrait by Renoir', anchor: 'a portrait' },
    ]);
    expect(prepared.retain).toEqual(['a photo of a cat', 'a painting by Sisley']);
    expect(prepared.heldBack).toEqual([{ prompt: 'a boat by Renoir', anchor: 'a boat' }]);
    expect(prepared.concept).toBe('Claude Monet and Renoir');
  });

  it.each([
    ['another list', { concepts: [concept('dog', ['a dog'])] }, ['a dog'], ['dog']],
    ['prompts', { forget: ['a dog'] }, ['a dog'], []],
  ])('gives way to %s', async (_, said, forget, names) => {
    const prepared = await preparePrompts({ ...nothing, ...said }, preset, 'concept');
    expect(prepared.forget.map(({ prompt }) => prompt)).toEqual(forget);
    expect(prepared.concepts.map(({ name }) => name)).toEqual(names);
    expect(prepared.retain).toEqual(['a photo of a cat']);
  });
});

describe('a job of several concepts', () => {
  const draft = (said: object) => {
    const data = makeTemporaryFolder();
    mkdirSync(path.join(data, 'presets'));
    writeFileSync(
      path.join(data, 'presets', 'two.yaml'),
      'name: two\ntitle: Two\ndescription: d\nretain: [a photo]\nexpectation: e\n' +
        'concepts: [{name: star, forget: [a star]}, {name: "{thing}", forget: ["a red {thing}"]}]\n' +
        'variables: {thing: {description: d, example: heart}}\n',
    );
    return draftJob(
      {
        ...{ model: 'presets/tiny-sd/tiny-sd.safetensors', variables: { thing: 'heart' } },
        ...nothing,
        ...{ preset: 'two', settings: {}, device: 'cpu', threads: 1, output: undefined },
        ...said,
      },
      { dataFolder: data, presetFolders: presetFolders(data) },
    );
  };

  it('is made of a preset that is a list', async () => {
    expect(await draft({})).toMatchObject({
      ...{ preset: 'two', concept: 'star and heart' },
      concepts: [{ name: 'star' }, { name: 'heart', prompts: ['a red heart'] }],
    });
  });

  it.each([
    ['pictures of no concept', { forgetImages: 'pictures' }, 'pictures to forget and a list'],
    [
      'a preset of one',
      { preset: 'weapons', variables: {}, concepts: [concept('dog', ['a dog'])] },
      'a preset of one concept and a list of concepts are given',
    ],
  ])('is refused with %s', async (_, said, message) => {
    await expect(draft(said)).rejects.toThrow(message);
  });
});
