import { expect, it } from 'vitest';

import { picturesOfSet } from '../../src/erase/set-pictures.ts';
import { defaultSettings, type MethodId, usualModel } from '../../src/methods/registry.ts';

const pictures = (method: MethodId) =>
  picturesOfSet(
    {
      forget: [
        { prompt: 'a heart', anchor: 'a star' },
        { prompt: 'a red heart', anchor: 'a red star' },
      ],
      ...{ retain: ['a moon'], concepts: [] },
      shapes: [],
      settings: defaultSettings({ method, ...usualModel }),
    },
    'forget',
  );

it('draws what is forgotten, and under the anchors where a method has no use for that', () => {
  const [first, second] = pictures('erasediff');
  expect(first).toMatchObject({ prompt: 'a heart', caption: 'a heart' });
  expect(second).toMatchObject({ prompt: 'a red heart', caption: 'a red heart' });
  const [anchor, other] = pictures('conceptablation');
  expect(anchor).toMatchObject({ prompt: 'a star', caption: 'a heart', seed: first!.seed });
  expect(other).toMatchObject({ prompt: 'a red star', caption: 'a red heart' });
  expect(pictures('finetune')).toEqual([]);
});
