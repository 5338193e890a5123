import type { Attack } from '../attack.ts';

/** Points of a curve, behind the one before the first step. */
const points = 4;

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
  needsGradient: true,
  pieces: ({ steps }) => 2 * (steps + points + 1) + 2,

  async run(run) {
    const { learnTokens } = await import('./learn-tokens.ts');
    return learnTokens(run, points);
  },
};
