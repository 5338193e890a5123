import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';

import { titleOfConcepts } from '../../src/erase/concepts.ts';
import { parseConcepts, readConceptsFile } from '../../src/erase/read-concepts.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const monet = '- name: Monet\n  forget: [a painting by Monet]\n';

it('reads entries as people write them', async () => {
  const folder = makeTemporaryFolder();
  const file = path.join(folder, 'artists.yaml');
  const text = `# two of them
- name: Claude Monet
  forget:
    - a painting by Claude Monet => a painting
    - "Monet: water lilies"
  anchor: a landscape
  neighbours: [a painting by Renoir, a painting by Sisley]
- name: "1984"
  forget: the cover of 1984
  images: pictures/1984
`;
  // As Windows' editor saves it.
  writeFileSync(file, Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]));
  expect(await readConceptsFile(file)).toEqual([
    {
      name: 'Claude Monet',
      forget: ['a painting by Claude Monet => a painting', 'Monet: water lilies'],
      anchor: 'a landscape',
      neighbours: ['a painting by Renoir', 'a painting by Sisley'],
    },
    {
      ...{ name: '1984', forget: ['the cover of 1984'], neighbours: [] },
      images: path.join(folder, 'pictures/1984'),
    },
  ]);
  expect(parseConcepts(`concepts:\n${monet}`, 'f')).toEqual(parseConcepts(monet, 'f'));
  const json = '[{"name": "Monet", "forget": ["a painting by Monet"]}]';
  expect(parseConcepts(json, 'f.json')).toEqual(parseConcepts(monet, 'f'));
});

it.each([
  ['nothing', '', 'it lists nothing. Write an entry for each concept'],
  ['an empty list', '[]', 'it lists nothing'],
  ['one concept without a list', 'name: Monet\nforget: a', 'it is no list. Write an entry'],
  ['text', 'Monet, Renoir', 'it is no list'],
  ['no YAML', '- name: [Monet', 'it is no YAML'],
  ['a name alone', '- Monet', 'entry 1 has no fields. Write “name: Monet”'],
  ['an empty entry', `${monet}-`, 'entry 2 is empty. Write'],
  ['no name', '- forget: [a]', 'entry 1: name is missing. Say what the concept is called'],
  ['an empty name', '- name: ""\n  forget: [a]', 'entry 1: name is empty. Fill it in'],
  ['a number for a name', '- name: 1984\n  forget: [a]', 'name is read as the number 1984. Put it'],
  [
    'a truth value',
    '- name: yes\n  forget: [true]',
    'entry 1 (yes): forget 1 is read as the truth',
  ],
  ['no prompts', `${monet}- name: Renoir`, 'entry 2 (Renoir): forget is missing. Give one or more'],
  ['an empty list of prompts', '- name: R\n  forget: []', 'entry 1 (R): forget lists nothing'],
  ['an empty prompt', '- name: R\n  forget: [a, " "]', 'entry 1 (R): forget 2 is empty'],
  ['a forgotten field', '- name: R\n  forget:', 'entry 1 (R): forget is empty'],
  [
    'a prompt with a colon',
    '- name: R\n  forget: [a dog: b]',
    'forget 1 must be a prompt or a list of them. Put a text with a colon in quotation marks',
  ],
  ['an anchor that is a list', '- name: R\n  forget: a\n  anchor: [b]', 'anchor must be a text'],
  [
    'a neighbour that is a number',
    '- name: R\n  forget: a\n  neighbours: [3]',
    'neighbours 1 is read as the number 3',
  ],
  [
    'another spelling',
    '- name: R\n  forget: a\n  neighbors: [b]',
    'has a field "neighbors", and there are name, forget, anchor, neighbours, images. Call it neighbours',
  ],
  [
    'a field that nobody knows',
    '- name: R\n  forget: a\n  steps: 3',
    'has a field "steps", and there are name, forget, anchor, neighbours, images. Leave it out',
  ],
  [
    'one name twice',
    `${monet}- name: monet\n  forget: a`,
    'entries 1 and 2 are both called "monet". Join them',
  ],
  [
    'a name that is too long',
    `- name: ${'x'.repeat(201)}\n  forget: a`,
    'name is longer than 200. Shorten it',
  ],
])('refuses %s, and says where and what to do', (_, text, message) => {
  let refused: unknown;
  try {
    parseConcepts(text, 'artists.yaml');
  } catch (error) {
    refused = error;
  }
  expect(refused).toMatchObject({ code: 'concepts.invalid' });
  const { message: said } = refused as Error;
  expect(said).toContain('the list of concepts "artists.yaml": ');
  expect(said).toContain(message);
  expect(said).toMatch(/\.$/);
});

it('names a file that is not there, is a folder or no text', async () => {
  const folder = makeTemporaryFolder();
  const at = (name: string) => path.join(folder, name);
  await expect(readConceptsFile(at('none.yaml'))).rejects.toThrow('there is no such file');
  mkdirSync(at('folder'));
  await expect(readConceptsFile(at('folder'))).rejects.toThrow('it is a folder');
  writeFileSync(at('latin.yaml'), Buffer.from('- name: Caf\xe9', 'latin1'));
  await expect(readConceptsFile(at('latin.yaml'))).rejects.toThrow('it is not UTF-8 text');
});

it('calls a job of several concepts by some of their names', () => {
  expect(titleOfConcepts(['A'])).toBe('A');
  expect(titleOfConcepts(['A', 'B', 'C'])).toBe('A, B and C');
  expect(titleOfConcepts(['A', 'B', 'C', 'D'])).toBe('A and 3 more');
});
