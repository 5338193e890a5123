import { descentCopies, descentStateSets, maskWork } from '../../descent/descent-cost.ts';
import { commonDefaults, descentDefaults, generatedForget } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { type VduSettings, vduSettings } from './settings.ts';

/** VDU compares nothing with what the original predicts. */
const retainTarget = 'noise';

/** Variational Diffusion Unlearning (Panda et al., arXiv 2510.04058). */
export const vdu: TrainingMethod<VduSettings> = {
  id: 'vdu',
  uses: 'unet',
  words: {
    name: 'VDU',
    title: 'VDU: Variational Diffusion Unlearning (Panda et al., arXiv 2510.04058)',
    choice: 'VDU: a concept or pictures, without anything to keep (a baseline)',
    help: 'VDU makes what is forgotten less likely and holds the weights near where they were. It needs no pictures to keep, and harms more than methods that have some.',
    watching:
      'The first rises as the model gets worse at what is forgotten, the second as its weights leave where they began.',
    losses:
      'The forget loss is how badly the model denoises what is forgotten, which shall rise; the retain loss what the distance of the weights from where they began counts.',
  },
  forgets: 'concept',
  steersToAnchors: () => false,
  pictures: ['forget'],
  figures: ['retainLoss', 'forgetLoss', 'retainCosine', 'forgetCosine'],
  settings: vduSettings,

  defaults(facts) {
    const {
      generatedRetain: _drawn,
      givenPictures: _shape,
      retainTarget: _kept,
      ...shared
    } = descentDefaults(facts);
    return {
      ...shared,
      ...commonDefaults(facts),
      method: 'vdu',
      stability: 1,
      generatedForget: generatedForget(facts),
    };
  },

  cost(settings, { gradient, trainedBytes }) {
    return {
      step: settings.accumulation * gradient,
      start: maskWork(settings, { pictures: settings.generatedForget, gradient }),
      // And θ₀.
      parameterCopies: 1 + descentCopies({ ...settings, retainTarget }, trainedBytes),
    };
  },

  stateSets: descentStateSets,

  async open(context) {
    const { openVdu } = await import('./trainer.ts');
    return openVdu({ ...context, settings: { ...context.settings, retainTarget } });
  },
};
