import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { findPreset, presetFolders } from '../../src/presets/load-presets.ts';
import { fillPreset, parsePreset } from '../../src/presets/preset.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const minimal = `
name: mine
title: Mine
description: A test.
forget: [a heart]
retain: [a star]
expectation: No hearts.
`;

describe('parsePreset', () => {
  it.each([
    ['a missing field', minimal.replace('title: Mine\n', ''), /title/],
    ['an unknown field', `${minimal}colour: red\n`, /colour/],
    ['an empty prompt', minimal.replace('a heart', '" "'), /forget/],
    ['a setting out of range', `${minimal}settings: {reason: r, steps: 0}\n`, /steps/],
    ['settings without a reason', `${minimal}settings: {steps: 3}\n`, /reason/],
    ['an undeclared variable', minimal.replace('a heart', '"a {thing}"'), /\{thing\}/],
    [
      'an unused variable',
      `${minimal}variables: {thing: {description: d, example: e}}\n`,
      /"thing" is not used/,
    ],
    ['broken YAML', `${minimal}forget: [`, /preset "mine.yaml" is not valid/],
    ['aliases without end', `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(30)}]\n`, /alias/i],
  ])('refuses %s', (_, text, message) => {
    expect(() => parsePreset(text, 'mine.yaml')).toThrow(message);
  });
});

const several = `
${minimal.replace('forget: [a heart]\n', '')}
concepts:
  - {name: heart, forget: [a heart]}
  - {name: '{thing}', forget: ['a {thing} => a {thing} of clay'], anchor: clay, neighbours: ['{thing}s']}
variables: {thing: {description: what else to forget, example: moon}}
`;

describe('a preset of several concepts', () => {
  it('has its variables filled in everywhere', () => {
    const filled = fillPreset(parsePreset(several, 'mine.yaml'), { thing: 'apple' });
    expect(filled.forget).toEqual([]);
    expect(filled.concepts).toEqual([
      { name: 'heart', forget: ['a heart'] },
      {
        ...{ name: 'apple', forget: ['an apple => an apple of clay'] },
        ...{ anchor: 'clay', neighbours: ['apples'] },
      },
    ]);
  });

  it('has tags of its own', () => {
    const tags = 'tags: {retain: [no humans], concepts: [{name: x, forget: ["{thing}, simple"]}]}';
    const filled = fillPreset(parsePreset(`${several}${tags}`, 'mine.yaml'), {
      thing: 'Blue Moon',
    });
    expect(filled.tags?.concepts).toEqual([{ name: 'x', forget: ['blue moon, simple'] }]);
  });

  it.each([
    ['prompts beside it', `${several}forget: [a star]\n`, /leave these out → at forget\./],
    ['neither', minimal.replace('forget: [a heart]\n', ''), /It is missing.* → at forget\./],
    ['an empty list', `${minimal}concepts: []\n`, /→ at concepts\./],
    [
      'an entry without prompts',
      several.replace(', forget: [a heart]', ''),
      /It is missing → at concepts\[0\]\.forget\./,
    ],
    ['an unknown field', several.replace('neighbours', 'images'), /"images".* → at concepts\[1\]/],
    [
      'one name twice',
      several.replace("'{thing}', forget", "'Heart', forget"),
      /"Heart" is the name of concepts\[0\] too → at concepts\[1\]\.name\./,
    ],
    ['a concept of all', `${several}concept: shapes\n`, /leave it out → at concept\./],
    [
      'pictures of all',
      `${several}images: {use: optional, label: l, reason: r}\n`,
      /leave it out → at images\./,
    ],
    [
      'tags without a list',
      `${several}tags: {forget: [heart], retain: [star]}\n`,
      /→ at tags\.concepts\./,
    ],
    [
      'a wording held back that is trained on',
      `${several}heldBack: [A Heart]\n`,
      /"A Heart" is held back, and trained on/,
    ],
    ['an undeclared variable', several.replace('clay,', "'{stuff}',"), /\{stuff\}/],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parsePreset(text, 'mine.yaml')).toThrow(message);
  });
});

describe('fillPreset', () => {
  const template = parsePreset(
    minimal.replace('[a heart]', '["a {thing}"]') +
      'concept: "{thing}"\nvariables: {thing: {description: what to forget, example: heart}}\n',
    'mine.yaml',
  );

  it('fills every place of a variable', () => {
    const filled = fillPreset(template, { thing: ' moon ' });
    expect(filled.forget).toEqual(['a moon']);
    expect(filled.concept).toBe('moon');
  });

  it('says how to give a variable that is missing', () => {
    expect(() => fillPreset(template, {})).toThrow('--set thing="heart"');
  });

  it('makes an article fit what follows it', () => {
    expect(fillPreset(template, { thing: 'apple' }).forget).toEqual(['an apple']);
  });

  it('does not take what every object inherits for a value', () => {
    const odd = parsePreset(
      minimal.replace('[a heart]', '["{constructor}"]') +
        'variables: {constructor: {description: what to forget, example: heart}}\n',
      'mine.yaml',
    );
    expect(() => fillPreset(odd, {})).toThrow('--set constructor="heart"');
  });

  it('refuses a variable that the preset does not have', () => {
    expect(() => fillPreset(template, { thing: 'x', size: 'y' })).toThrow('It has: thing.');
  });
});

describe('findPreset', () => {
  it('takes the one of the last folder', async () => {
    const data = makeTemporaryFolder();
    mkdirSync(join(data, 'presets'));
    writeFileSync(join(data, 'presets', 'nudity.yaml'), minimal.replace('mine', 'nudity'));
    expect((await findPreset(presetFolders(data), 'nudity')).title).toBe('Mine');
  });

  it('reads a file again that was changed by hand', async () => {
    const data = makeTemporaryFolder();
    const file = join(data, 'presets', 'mine.yaml');
    mkdirSync(join(data, 'presets'));
    for (const title of ['Mine', 'Mine too', 'Mine for ever']) {
      writeFileSync(file, minimal.replace('title: Mine', `title: ${title}`));
      const found = await findPreset(presetFolders(data), 'mine');
      expect(found.title).toBe(title);
      // Unchanged, it is the one that was read.
      expect(await findPreset(presetFolders(data), 'mine')).toBe(found);
    }
  });

  it('lists the names there are', async () => {
    await expect(findPreset(presetFolders('/nowhere'), 'nud')).rejects.toMatchObject({
      code: 'preset.not-found',
      message: expect.stringContaining('nudity, object-class') as string,
    });
  });

  it('does not look outside its folders', async () => {
    await expect(findPreset(presetFolders('/nowhere'), '../package')).rejects.toMatchObject({
      code: 'preset.not-found',
    });
  });

  it('refuses a file whose preset has another name', async () => {
    const data = makeTemporaryFolder();
    mkdirSync(join(data, 'presets'));
    writeFileSync(join(data, 'presets', 'yours.yaml'), minimal);
    await expect(findPreset(presetFolders(data), 'yours')).rejects.toMatchObject({
      code: 'preset.invalid',
    });
  });
});
