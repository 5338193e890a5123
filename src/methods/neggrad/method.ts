import { descentCopies, descentStateSets, maskWork } from '../../descent/descent-cost.ts';
import { descentDefaults, generatedForget, isTiny } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { type NegGradSettings, negGradSettings } from './settings.ts';

/** NegGrad: gradient ascent (Golatkar et al., arXiv 1911.04933, as arXiv 2503.01034 compares with it). */
export const negGrad: TrainingMethod<NegGradSettings> = {
  id: 'neggrad',
  uses: 'unet',
  words: {
    name: 'NegGrad',
    title: 'NegGrad: gradient ascent (Golatkar et al., arXiv 1911.04933)',
    choice: 'NegGrad: a concept, by gradient ascent (a baseline)',
    help: 'NegGrad makes the model worse at what is forgotten, and steers it to nothing. It is here to compare with: it harms more than the others.',
    watching:
      'The first rises as the model gets worse at what is forgotten, the second stays low while what is kept stays.',
    losses:
      'The forget loss is how badly the model denoises the pictures to forget, which shall rise; the retain loss how far predictions for kept pictures are from what they should stay. λ is the weight of the forgetting gradient, which brings it to its norm.',
  },
  forgets: 'concept',
  steersToAnchors: () => false,
  pictures: ['forget', 'retain'],
  figures: ['retainLoss', 'forgetLoss', 'lambda', 'retainCosine', 'forgetCosine'],
  settings: negGradSettings,

  defaults: (facts) => ({
    ...descentDefaults(facts),
    method: 'neggrad',
    until: 'steps',
    retainWeight: 1,
    forgetNorm: isTiny(facts) ? 128 : 750,
    generatedForget: generatedForget(facts),
  }),

  cost(settings, { gradient, prediction, trainedBytes }) {
    const { accumulation, retainTarget, retainWeight } = settings;
    const held = gradient + (retainTarget === 'original' ? prediction : 0);
    return {
      step: accumulation * (gradient + (retainWeight > 0 ? held : 0)),
      start: maskWork(settings, { pictures: settings.generatedForget, gradient }),
      parameterCopies: descentCopies(settings, trainedBytes),
    };
  },

  stateSets: descentStateSets,

  async open(context) {
    const { openNegGrad } = await import('./trainer.ts');
    return openNegGrad(context);
  },
};
