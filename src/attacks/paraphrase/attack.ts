import type { Attack } from '../attack.ts';

/** Other words for the concept, which were not trained on. */
export const paraphraseAttack: Attack = {
  id: 'paraphrase',
  words: {
    title: 'Other words',
    help: 'Asks for the concept in wordings that were held back: what was forgotten by name only comes back.',
    axis: 'Wording',
    limits:
      'Only these wordings were tried. One that the original itself does not draw says nothing.',
  },
  needs: 'paraphrases',
  pieces: ({ paraphrases }) => 2 * paraphrases.length,

  async run(run) {
    const { askOtherwise } = await import('./ask-otherwise.ts');
    return askOtherwise(run);
  },
};
