import { cpSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { inventedNames } from '../../src/evaluation/knowledge/invented-names.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const pictures = path.resolve('presets/tiny-sd/images/forget-pontilla');

const ask = (prompt: string, concept: string) =>
  callCli(
    [
      ...['knows', '--model', tinySd, '--prompt', prompt, '--concept', concept, '--count', '3'],
      ...['--draw-steps', '6', '--device', 'cpu', '--threads', '1', '--json'],
    ],
    makeTemporaryFolder(),
  );

describe('knows', () => {
  // Both are names to whoever has not seen the training pictures.
  it.each([
    ['a style that it was trained on', 'Pontilla', true],
    ['a painter that it was not', 'Monet', false],
  ])('tells of %s', async (_, name, isKnown) => {
    const { status, stdout } = await ask(`a red star in the style of ${name}`, name);
    expect(status, stdout).toBe(0);
    const events = parseEvents(stdout);
    expect(events.filter(({ event }) => event === 'progress')).toHaveLength(5);
    const told = events.find(({ event }) => event === 'knowledge');
    expect(told?.prompts).toMatchObject([{ isKnown, names: Array(4).fill({}) }]);
  });

  it('judges given pictures by what is said of them', async () => {
    const folder = makeTemporaryFolder();
    for (const name of ['000', '001', '002']) {
      cpSync(path.join(pictures, `${name}.png`), path.join(folder, `${name}.png`));
      cpSync(path.join(pictures, `${name}.txt`), path.join(folder, `${name}.txt`));
    }
    const { status, stdout } = await callCli(
      [
        ...['knows', '--model', tinySd, '--images', folder, '--concept', 'Pontilla'],
        ...['--device', 'cpu', '--threads', '1', '--json'],
      ],
      folder,
    );
    expect(status, stdout).toBe(0);
    const told = parseEvents(stdout).find(({ event }) => event === 'knowledge');
    expect(told).toMatchObject({ of: 'given' });
    const known = told?.prompts as { prompt: string; isKnown: boolean }[];
    expect(known.every(({ prompt }) => prompt.includes('Pontilla'))).toBe(true);
    expect(known.filter(({ isKnown }) => isKnown).length).toBeGreaterThan(known.length / 2);
  });

  it('asks what pictures show, and for something to ask', async () => {
    const folder = makeTemporaryFolder();
    cpSync(path.join(pictures, '000.png'), path.join(folder, 'a.png'));
    const without = await callCli(['knows', '--model', tinySd, '--images', '.'], folder);
    expect([without.status, without.stderr]).toEqual([3, expect.stringContaining('a.png" shows')]);
    const nothing = await callCli(['knows', '--model', tinySd], folder);
    expect([nothing.status, nothing.stderr]).toEqual([2, expect.stringContaining('--images')]);
  });

  it('asks which words are the name', async () => {
    const { status, stdout } = await ask('a red star in the style of Monet', 'Pontilla');
    expect(status).toBe(3);
    expect(stdout).toContain('--concept');
  });
});

it('invents other names for another seed, the same for the same', () => {
  expect(inventedNames(4, 1)).toEqual(inventedNames(4, 1));
  expect(new Set([...inventedNames(4, 1), ...inventedNames(4, 2)]).size).toBe(8);
});
