import { keepsOriginal } from '../../descent/descent-cost.ts';
import { momentNames } from '../../optim/update-rule.ts';
import { commonDefaults, fewSteps, isTiny, stepDefaults } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { defaultOptimizers } from '../settings-fields.ts';
import { type EsdSettings, esdSettings } from './settings.ts';

/** ESD (Gandikota et al., arXiv 2303.07345). */
export const esd: TrainingMethod<EsdSettings> = {
  id: 'esd',
  uses: 'unet',
  words: {
    name: 'ESD',
    title: 'ESD (Gandikota et al., arXiv 2303.07345)',
    choice: 'ESD: a concept, without pictures',
    help: 'ESD leads predictions away from the concept and needs no pictures; prompts to keep are not trained on, only compared.',
    watching:
      "How far predictions under forgotten prompts are from the original's, led away from the concept. It falls as the model forgets.",
    losses:
      "The forget loss is how far predictions under forgotten prompts are from the original's without a prompt, led away from the concept. ESD has no loss for what is kept.",
  },
  forgets: 'concept',
  // It follows what the empty prompt predicts.
  asks: 'words',
  steersToAnchors: () => false,
  pictures: [],
  figures: ['forgetLoss'],
  settings: esdSettings,

  /** For wide models those of the authors' code, whose η of 2 from the prompt is 1 from none. */
  defaults(facts) {
    const common = commonDefaults(facts);
    // A distilled model has neither more steps nor more guidance.
    const startGuidance = Math.min(3, common.drawCfg);
    const samplingSteps = Math.min(isTiny(facts) ? 10 : 50, fewSteps(common) ?? Infinity);
    const defaults = {
      method: 'esd' as const,
      ...common,
      ...stepDefaults(facts),
      optimizer: defaultOptimizers.adam,
      negativeGuidance: 1,
      ...{ startGuidance, samplingSteps },
    };
    return isTiny(facts) ? defaults : { ...defaults, steps: 200, learningRate: 5e-5, batch: 1 };
  },

  cost({ adapter, samplingSteps, optimizer }, { gradient, prediction, trainedBytes }) {
    return {
      // Half of a picture on average, each step with and without its prompt; then both of the original.
      step: (samplingSteps - 1 + 2) * prediction + gradient,
      // θ, its gradient, and the gradient that the runtime is making.
      start: 0,
      parameterCopies:
        3 + momentNames(optimizer).length + (keepsOriginal(adapter, trainedBytes) ? 1 : 0),
    };
  },

  stateSets: ({ optimizer }) => momentNames(optimizer),

  async open(context) {
    const { openEsd } = await import('./trainer.ts');
    return openEsd(context);
  },
};
