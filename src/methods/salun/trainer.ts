import { elementAt } from '../../element-at.ts';
import { anchorsOf } from '../../training/dataset.ts';
import type { Trainer, TrainerContext } from '../method.ts';
import { openSteered } from '../steered-trainer.ts';
import type { SalUnSettings } from './settings.ts';

/**
 * Trains by SalUn: ‖ε_θ(x_t, c) − sg ε_θ(x_t, c′)‖² with another prompt c′ ≠ c, beside what is kept (Eq. 5 of
 * arXiv 2310.12508), in the weights that its mask leaves.
 */
export function openSalUn(context: TrainerContext<SalUnSettings>): Promise<Trainer> {
  const { batches, prompts, settings } = context;
  return openSteered(context, (items, generator) => {
    if (settings.relabel === 'anchor') return anchorsOf(batches.dataset, items);
    const drawn = generator.randomIntegers(items.length, 0, prompts.retain.length);
    return [...drawn].map((index) => elementAt(prompts.retain, index));
  });
}
