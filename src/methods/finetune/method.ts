import { descentCopies, descentStateSets } from '../../descent/descent-cost.ts';
import { descentDefaults } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { type FineTuneSettings, fineTuneSettings } from './settings.ts';

const retainTarget = 'noise';

/** Fine-tuning on what is kept, the plainest baseline. */
export const fineTune: TrainingMethod<FineTuneSettings> = {
  id: 'finetune',
  uses: 'unet',
  words: {
    name: 'Fine-tuning',
    title: 'Fine-tuning on what is kept',
    choice: 'Fine-tuning: training on what is kept alone (a baseline)',
    help: 'Fine-tuning goes on training the model on what is kept and hopes that it forgets the rest. It is here to compare with: it forgets little.',
    watching:
      'How well the model denoises pictures of what is kept. It says nothing of forgetting.',
    losses:
      'The retain loss is how far predictions for kept pictures are from the noise that was added. Fine-tuning has no loss for what is forgotten.',
  },
  forgets: 'concept',
  steersToAnchors: () => false,
  pictures: ['retain'],
  figures: ['retainLoss'],
  settings: fineTuneSettings,

  defaults(facts) {
    const { retainTarget: _target, saliency: _share, ...defaults } = descentDefaults(facts);
    return { ...defaults, method: 'finetune', until: 'steps' };
  },

  cost(settings, { gradient, trainedBytes }) {
    return {
      step: settings.accumulation * gradient,
      start: 0,
      parameterCopies: descentCopies({ ...settings, retainTarget }, trainedBytes),
    };
  },

  stateSets: descentStateSets,

  async open(context) {
    const { openFineTune } = await import('./trainer.ts');
    return openFineTune({ ...context, settings: { ...context.settings, retainTarget } });
  },
};
