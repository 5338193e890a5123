import { defaultAdapters } from '../../adapters/settings.ts';
import { descentCopies, descentStateSets, maskWork } from '../../descent/descent-cost.ts';
import { descentDefaults, isTiny } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { defaultOptimizers } from '../settings-fields.ts';
import { type ReTrackSettings, reTrackSettings } from './settings.ts';

/** ReTrack (Shi et al., arXiv 2509.13007). */
export const reTrack: TrainingMethod<ReTrackSettings> = {
  id: 'retrack',
  uses: 'unet',
  words: {
    name: 'ReTrack',
    title: 'ReTrack (Shi et al., arXiv 2509.13007)',
    choice: 'ReTrack: the given pictures themselves, led to their neighbours',
    help: 'ReTrack leads the given pictures, wherever they begin to appear, to the kept pictures that are nearest to them.',
    watching:
      'The first falls as the given pictures turn into their neighbours, the second stays low while what is kept stays.',
    losses:
      'The forget loss is how far predictions on the given pictures are from those that lead to their neighbours; the retain loss how far those for kept pictures are from what they should stay.',
  },
  forgets: 'pictures',
  steersToAnchors: () => false,
  pictures: ['forget', 'retain'],
  figures: ['retainLoss', 'forgetLoss', 'retainCosine', 'forgetCosine'],
  settings: reTrackSettings,

  /** For wide models what its authors' code takes for Stable Diffusion v1.4. */
  defaults(facts) {
    const defaults = {
      ...descentDefaults({ ...facts, adapter: facts.adapter ?? defaultAdapters.full }),
      method: 'retrack' as const,
      optimizer: defaultOptimizers.adamw,
      ...{ neighbours: 10, forgetShare: 0.5 },
    };
    return isTiny(facts)
      ? { ...defaults, steps: 40, learningRate: 3e-4, batch: 16 }
      : { ...defaults, steps: 30, learningRate: 1e-5, batch: 1, accumulation: 16 };
  },

  cost(settings, { gradient, prediction, trainedBytes }) {
    const { accumulation, retainTarget } = settings;
    const held = retainTarget === 'original' ? prediction : 0;
    return {
      step: accumulation * (2 * gradient + held),
      start: maskWork(settings, { pictures: Infinity, gradient }),
      parameterCopies: descentCopies(settings, trainedBytes),
    };
  },

  stateSets: descentStateSets,

  async open(context) {
    const { openReTrack } = await import('./trainer.ts');
    return openReTrack(context);
  },
};
