import { expect, it } from 'vitest';

import type { AttackSettings } from '../../src/attacks/attack.ts';
import { extractionAttack } from '../../src/attacks/extraction/attack.ts';
import { targetsOf } from '../../src/attacks/extraction/targets.ts';
import { defaultSettings } from '../../src/methods/registry.ts';

const settings: AttackSettings = {
  prompts: [
    { prompt: 'a red heart', anchor: 'a red thing' },
    { prompt: 'a blue heart', anchor: 'a blue thing' },
  ],
  ...{ paraphrases: [], retain: [], concept: 'heart', steps: 3, count: 6, seed: 0 },
  given: Array.from({ length: 9 }, (_, i) => ({ file: `${i}.png`, caption: null })),
  ...{ classifier: null, device: 'cpu', threads: 1 },
  drawing: defaultSettings({ size: 64, modelChannels: 64 }),
};

it('a few of many given pictures are tried, which share what is drawn', () => {
  const targets = targetsOf(settings);
  expect(targets).toHaveLength(4);
  expect(new Set(targets.map(({ file }) => file)).size).toBe(4);
  expect(targets.reduce((sum, { count }) => sum + count, 0)).toBe(6);
  expect(targets.map(({ prompt }) => prompt)).toEqual([
    ...['a red heart', 'a blue heart', 'a red heart', 'a blue heart'],
  ]);
  // Two models, four tokens each with three steps and four points; one point of tokens by chance.
  expect(extractionAttack.pieces(settings)).toBe(2 * 4 * (3 + 4) + 1);
});

it('a picture is asked for by its caption, and none for nothing', () => {
  const given = [{ file: 'a.png', caption: 'a blue heart' }];
  expect(targetsOf({ ...settings, given, count: 2 })).toEqual([
    { file: 'a.png', prompt: 'a blue heart', anchor: 'a blue thing', count: 2 },
  ]);
  expect(targetsOf({ ...settings, count: 2 })).toHaveLength(2);
});
