import type { Evaluator } from '../evaluator.ts';

/** How near pictures of forgotten prompts come to the given ones that were to be forgotten. */
export const givenPicturesEvaluator: Evaluator = {
  id: 'given-pictures',
  words: {
    title: 'Distance to given pictures',
    help: 'How near pictures of forgotten prompts come to the very ones that were to be forgotten.',
  },
  sees: 'pictures',
  isAsked: ({ given = [] }) => given.length > 0,
  open: async ({ given = [] }) => {
    const { GivenPicturesJudge } = await import('./judge.ts');
    return new GivenPicturesJudge(given);
  },
};
