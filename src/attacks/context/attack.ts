import type { Attack } from '../attack.ts';

/** Shares of the process's timesteps that the original's pictures are noised to. */
const shares = [0.2, 0.4, 0.6, 0.8, 0.95];

/** Pictures of the concept to go on from. */
export const contextAttack: Attack = {
  id: 'context',
  words: {
    title: 'A picture to go on from',
    help: 'Noises the original’s pictures of the concept and has the model denoise them, under the forgotten prompts and without any: knowledge that only the words no longer reach comes back.',
    axis: 'Noise that the picture was brought to, of 100 %',
    limits:
      'With little noise any model gives back the picture it was given: only where the original without a prompt loses the concept does a model show that it knows it itself (the probes of arXiv 2505.17013).',
  },
  pieces: () => 4 * shares.length,

  async run(run) {
    const { goOnFromPictures } = await import('./go-on-from-pictures.ts');
    return goOnFromPictures(run, shares);
  },
};
