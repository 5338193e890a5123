import { anchorsOf } from '../../training/dataset.ts';
import type { Trainer, TrainerContext } from '../method.ts';
import { openSteered } from '../steered-trainer.ts';
import type { ConceptAblationSettings } from './settings.ts';

/**
 * Trains by Concept Ablation: ‖ε_θ(x_t, c) − sg ε_θ(x_t, a)‖², x pictures of the anchor a (Eq. 5 of arXiv
 * 2303.13516), beside what is kept.
 */
export function openConceptAblation(
  context: TrainerContext<ConceptAblationSettings>,
): Promise<Trainer> {
  return openSteered(context, (items) => anchorsOf(context.batches.dataset, items));
}
