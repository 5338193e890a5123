import { piecesAlong } from '../along-steps.ts';
import type { Attack } from '../attack.ts';

/** Words found by gradients. */
export const promptAttack: Attack = {
  id: 'prompt',
  words: {
    title: 'Found words',
    help: 'Looks for four words of the model’s own vocabulary that bring the concept back in the place of its own, which they may not be: gradients name candidates, their true loss on the original’s pictures chooses.',
    axis: 'Steps of searching',
    limits:
      'Whoever searches has pictures of the concept. The original’s own line says whether other words can bring it at all, words by chance how much is nothing but the judge. More steps, or more words, may find more.',
  },
  // Both models, and words by chance.
  pieces: ({ steps }) => 2 * piecesAlong(steps) + 1,

  async run(run) {
    const { searchWords } = await import('./search-words.ts');
    return searchWords(run);
  },
};
