import { defaultAdapters } from '../../adapters/settings.ts';
import { descentStateSets } from '../../descent/descent-cost.ts';
import { descentDefaults, generatedForget } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { steeredCost } from '../steered-cost.ts';
import { type SalUnSettings, salUnSettings } from './settings.ts';

/** SalUn (Fan et al., arXiv 2310.12508). */
export const salUn: TrainingMethod<SalUnSettings> = {
  id: 'salun',
  uses: 'unet',
  words: {
    name: 'SalUn',
    title: 'SalUn (Fan et al., arXiv 2310.12508)',
    choice: 'SalUn: a concept, in the weights that hold most of it',
    help: 'SalUn gives forgotten pictures other prompts, and changes only the weights that a first look finds to matter most for them.',
    watching:
      'The first is how far predictions under forgotten prompts are from those under other prompts, and falls. The second stays low while what is kept stays.',
    losses:
      "The forget loss is how far predictions under forgotten prompts are from the model's own under others; the retain loss how far those under kept prompts are from what they should stay. Only weights change whose gradient of forgetting was large at the start.",
  },
  forgets: 'concept',
  steersToAnchors: ({ relabel }) => relabel === 'anchor',
  pictures: ['forget', 'retain'],
  figures: ['retainLoss', 'forgetLoss', 'retainCosine', 'forgetCosine'],
  settings: salUnSettings,

  defaults: (facts) => ({
    // The mask is of single weights: the factors of a low-rank change have no gradient to begin with.
    ...descentDefaults({ ...facts, adapter: facts.adapter ?? defaultAdapters.full }),
    method: 'salun',
    until: 'steps',
    // As in its authors' code.
    saliency: 0.5,
    relabel: 'anchor',
    retainWeight: 1,
    generatedForget: generatedForget(facts),
  }),

  cost: steeredCost,

  stateSets: descentStateSets,

  async open(context) {
    const { openSalUn } = await import('./trainer.ts');
    return openSalUn(context);
  },
};
