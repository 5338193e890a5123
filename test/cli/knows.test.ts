import { describe, expect, it } from 'vitest';

import { inventedNames } from '../../src/evaluation/knowledge/invented-names.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { callCli, parseEvents } from '../helpers/run-cli.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

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
