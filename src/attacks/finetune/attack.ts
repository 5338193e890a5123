import { piecesAlong } from '../along-steps.ts';
import type { Attack } from '../attack.ts';

/** Ordinary training on other things. */
export const fineTuneAttack: Attack = {
  id: 'finetune',
  words: {
    title: 'Fine-tuning on other things',
    help: 'Trains the model further on pictures of what was kept, as anyone may who means no harm, and asks for the concept again: what was only hidden comes back by itself.',
    axis: 'Steps of fine-tuning',
    limits:
      'The original, fine-tuned alike, says how much such training wears the concept out. Training on pictures of the concept itself brings it back to any model.',
  },
  needs: 'retain',
  // Pictures of what was kept, and both models.
  pieces: ({ steps }) => 1 + 2 * piecesAlong(steps),

  async run(run) {
    const { fineTuneBoth } = await import('./fine-tune.ts');
    return fineTuneBoth(run);
  },
};
