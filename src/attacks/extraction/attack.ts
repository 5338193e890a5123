import { piecesAlong } from '../along-steps.ts';
import type { Attack } from '../attack.ts';
import { targetsOf } from './targets.ts';

/** A token for each of a few given pictures, to get the very picture back. */
export const extractionAttack: Attack = {
  id: 'extraction',
  words: {
    title: 'Getting given pictures back',
    help: 'Learns a token from each of a few of the pictures that were to be forgotten, and draws with it from noise: whether the very pictures come back.',
    axis: 'Steps of learning',
    limits:
      'A picture counts as given back where it is less than half as far from a given one as the nearest of eight that the original draws of other things: a measure of copies, by colours of small pictures, that sees neither parts nor a subject in another pose. Whoever learns from a picture has it already; the original’s own line says how much of that is the attack.',
  },
  needs: 'given',
  // Both models, each picture's token with them, and tokens by chance.
  pieces: (settings) => 2 * targetsOf(settings).length * piecesAlong(settings.steps) + 1,

  async run(run) {
    const { extractPictures } = await import('./extract-pictures.ts');
    return extractPictures(run);
  },

  async openJudge(model, run) {
    const { openCopyJudge } = await import('./copy-judge.ts');
    return openCopyJudge(model, run);
  },
};
