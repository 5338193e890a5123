import type { Evaluator } from '../evaluator.ts';

/**
 * The original as a zero-shot classifier of what both models drew (`ZeroShotJudge`): pictures of
 * forgotten prompts between the prompt, its anchor and the most similar kept prompts, those of kept
 * prompts between their own prompt and the most similar others.
 */
export const zeroShotEvaluator: Evaluator = {
  id: 'zero-shot',
  words: {
    title: 'The original model',
    help: 'How often it takes the pictures for what was asked for, forgotten or kept.',
  },
  sees: 'latents',
  isAsked: () => true,
  judge: async (run) => {
    const { judgeZeroShot } = await import('./judge-pictures.ts');
    return judgeZeroShot(run);
  },
};
