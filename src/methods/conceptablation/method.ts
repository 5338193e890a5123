import { descentStateSets } from '../../descent/descent-cost.ts';
import { descentDefaults, generatedForget, isTiny } from '../default-settings.ts';
import type { TrainingMethod } from '../method.ts';
import { steeredCost } from '../steered-cost.ts';
import { type ConceptAblationSettings, conceptAblationSettings } from './settings.ts';

/** Concept Ablation, the variant that learns from the model itself (Kumari et al., arXiv 2303.13516). */
export const conceptAblation: TrainingMethod<ConceptAblationSettings> = {
  id: 'conceptablation',
  uses: 'unet',
  words: {
    name: 'Concept Ablation',
    title: 'Concept Ablation (Kumari et al., arXiv 2303.13516)',
    choice: 'Concept Ablation: a concept, by pictures of its anchor',
    help: 'Concept Ablation has forgotten prompts draw what their anchors draw, on pictures of the anchors: none of the concept is needed.',
    watching:
      'The first is how far predictions under forgotten prompts are from those under their anchors, and falls. The second stays low while what is kept stays.',
    losses:
      "The forget loss is how far predictions under forgotten prompts are from the model's own under their anchors, on pictures of these; the retain loss how far those under kept prompts are from what they should stay.",
  },
  forgets: 'concept',
  steersToAnchors: () => true,
  drawsAnchors: true,
  pictures: ['forget', 'retain'],
  figures: ['retainLoss', 'forgetLoss', 'retainCosine', 'forgetCosine'],
  settings: conceptAblationSettings,

  /** Of wide models the keys and values of the cross-attention, as in its authors' code; more on request. */
  defaults(facts) {
    const train = facts.train ?? (isTiny(facts) ? undefined : 'xattn-strict');
    return {
      ...descentDefaults({ ...facts, train }),
      method: 'conceptablation',
      until: 'steps',
      retainWeight: 1,
      generatedForget: generatedForget(facts),
    };
  },

  cost: steeredCost,

  stateSets: descentStateSets,

  async open(context) {
    const { openConceptAblation } = await import('./trainer.ts');
    return openConceptAblation(context);
  },
};
