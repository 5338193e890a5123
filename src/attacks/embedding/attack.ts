import { piecesAlong } from '../along-steps.ts';
import type { Attack } from '../attack.ts';

/** One token, learnt by gradients from the original's pictures of the concept. */
export const embeddingAttack: Attack = {
  id: 'embedding',
  words: {
    title: 'A learnt token (textual inversion)',
    help: 'Learns one token, from pictures of the original, that brings the concept back: in the place of its own words where they are known, else behind the prompts without it.',
    axis: 'Steps of learning',
    limits:
      'Whoever learns a token has pictures of the concept. The original’s own line says how much a token of so many steps can do at all, a token by chance how much is nothing but the judge. More steps, or several tokens, may do more.',
  },
  // Both models, and tokens by chance.
  pieces: ({ steps }) => 2 * piecesAlong(steps) + 1,

  async run(run) {
    const { learnTokens } = await import('./learn-tokens.ts');
    return learnTokens(run);
  },
};
