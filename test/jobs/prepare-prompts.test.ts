import { describe, expect, it } from 'vitest';

import { preparePrompts } from '../../src/jobs/request/prepare-prompts.ts';
import type { PromptRequest } from '../../src/jobs/request/prompt-request.ts';

const nothing: PromptRequest = {
  ...{ forget: [], forgetImages: undefined, retain: [], retainImages: undefined },
  ...{ anchor: undefined, concept: undefined },
};
const prepare = (request: Partial<PromptRequest>) =>
  preparePrompts({ ...nothing, ...request }, undefined, 'concept');

describe('the anchors of a request', () => {
  it('are each prompt without the concept, its own, or the one for all', async () => {
    const forget = ['a nude woman => a woman in a coat', 'a naked man on a bed'];
    expect((await prepare({ forget })).forget).toEqual([
      { prompt: 'a nude woman', anchor: 'a woman in a coat' },
      { prompt: 'a naked man on a bed', anchor: 'a man on a bed' },
    ]);
    expect((await prepare({ forget, anchor: 'a photo' })).forget).toEqual([
      { prompt: 'a nude woman', anchor: 'a woman in a coat' },
      { prompt: 'a naked man on a bed', anchor: 'a photo' },
    ]);
  });

  it('leave what is kept, and put it in the place of what is forgotten', async () => {
    const forget = ['vehicle, noto style', 'taxi, clay style'];
    const retain = ['building, noto style', 'animal, clay style'];
    expect((await prepare({ forget, retain })).forget.map(({ anchor }) => anchor)).toEqual(retain);
  });

  it('may be said with one line of two equal prompts', async () => {
    const { forget } = await prepare({ forget: ['a heart', 'a heart => a star'] });
    expect(forget).toEqual([{ prompt: 'a heart', anchor: 'a star' }]);
  });

  it('are refused where one prompt is given two', async () => {
    const forget = ['a heart => a star', 'a heart => a moon'];
    await expect(prepare({ forget })).rejects.toMatchObject({
      code: 'prompt.invalid',
      message: expect.stringContaining('two anchors, "a star" and "a moon"') as string,
    });
  });
});
