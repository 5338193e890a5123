import { defaultAdapters } from '../../adapters/settings.ts';
import { descentCopies, descentStateSets, maskWork } from '../../descent/descent-cost.ts';
import { descentDefaults, isPixelSpace, isTiny } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { defaultOptimizers } from '../settings-fields.ts';
import { type SissSettings, sissSettings } from './settings.ts';

/**
 * For a small model in pixel space. Its authors' code pushes digits by a norm of 5 (105 by `publishedEntries`) at all
 * timesteps, and leaves 3.5 % of T-shirts here; so, none of 3 × 512 was left, for 0.05 bits of the digits. With
 * much noise alone, T-shirts become more (`npm run bench:digits`). There are no captions to know a picture by.
 */
const inFewPixels = {
  steps: 60,
  learningRate: 5e-5,
  batch: 32,
  accumulation: 1,
  retainTarget: 'noise',
  forgetNorm: 627,
  firstTimestep: 0,
  lastTimestep: 500,
  push: 'always',
} as const;

/** SISS (Alberti et al., arXiv 2503.01034). */
export const siss: TrainingMethod<SissSettings> = {
  id: 'siss',
  uses: 'unet',
  words: {
    name: 'SISS',
    title: 'SISS (Alberti et al., arXiv 2503.01034)',
    choice: 'SISS: the given pictures themselves',
    help: 'SISS unlearns single training pictures that come back as they were.',
    watching:
      'The first rises as the model unlearns how the given pictures look, the second stays low while what is kept stays.',
    losses:
      'The forget loss is how badly the model denoises the given pictures, which shall rise; the retain loss how far predictions for kept pictures are from what they should stay. λ is the weight of the forgetting gradient, which brings it to its norm.',
  },
  forgets: 'pictures',
  steersToAnchors: () => false,
  pictures: ['forget', 'retain'],
  figures: ['retainLoss', 'forgetLoss', 'lambda', 'retainCosine', 'forgetCosine'],
  settings: sissSettings,

  /**
   * For wide models what its authors' code takes for Stable Diffusion v1.4. Only what is kept is held
   * to the original's predictions, as with EraseDiff, and not to the added noise (but for captions
   * that are forgotten too): with two pictures that tiny-sd had learnt by heart, and a norm of 192,
   * what it drew for their captions was then .28 away from them instead of .21 (.25 before it knew
   * them), kept subjects .96 instead of .95, kept styles .94 instead of .97; a norm of 128 gave .25,
   * .97 and .98 (`npm run bench:pictures`).
   */
  defaults(facts) {
    const defaults = {
      // Low rank is known to fail at forgetting given pictures.
      ...descentDefaults({ ...facts, adapter: facts.adapter ?? defaultAdapters.full }),
      method: 'siss' as const,
      optimizer: defaultOptimizers.adamw,
      ...{ mixture: 0.5, lastTimestep: 999 },
      // A model that is not asked in words knows its pictures without a caption.
      push: isPixelSpace(facts) ? ('always' as const) : ('known' as const),
    };
    if (isPixelSpace(facts) && isTiny(facts)) return { ...defaults, ...inFewPixels };
    return isTiny(facts)
      ? {
          ...defaults,
          ...{ steps: 40, learningRate: 3e-4, batch: 8, accumulation: 2 },
          ...{ forgetNorm: 128, firstTimestep: 750 },
        }
      : {
          ...defaults,
          ...{ steps: 35, learningRate: 1e-5, batch: 1, accumulation: 16 },
          ...{ forgetNorm: 750, firstTimestep: 999 },
        };
  },

  cost(settings, { gradient, prediction, trainedBytes }) {
    const { accumulation, batch, retainTarget, mixture, push } = settings;
    const held = retainTarget === 'original' ? prediction : 0;
    // Where pictures to forget meet pictures to keep, at two places of a step's rows, one batch holds
    // both and takes a gradient of each.
    const mixed = batch === 1 ? 0 : Math.min(2, accumulation);
    const forgotten = Math.min(accumulation, Math.ceil(accumulation * mixture) + mixed / 2);
    return {
      step:
        accumulation * (gradient + held) +
        mixed * (gradient + prediction) +
        (push === 'known' ? forgotten * prediction : 0),
      start: maskWork(settings, { pictures: Infinity, gradient }),
      parameterCopies: descentCopies(settings, trainedBytes),
    };
  },

  stateSets: descentStateSets,

  async open(context) {
    const { openSiss } = await import('./trainer.ts');
    return openSiss(context);
  },
};
