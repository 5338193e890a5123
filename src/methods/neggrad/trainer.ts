import { Descent } from '../../descent/descent.ts';
import { placesOfStep } from '../../training/batch-source.ts';
import type { Trainer, TrainerContext } from '../method.ts';
import type { NegGradSettings } from './settings.ts';
import { negGradStep } from './step.ts';

/** Trains by NegGrad. */
export async function openNegGrad(context: TrainerContext<NegGradSettings>): Promise<Trainer> {
  const { batches, settings } = context;
  const descent = await Descent.open(context);
  return descent.trainer(async (index) => {
    const places = placesOfStep(index, settings.accumulation);
    const kept = settings.retainWeight === 0 ? [] : places;
    const drawn = {
      forget: places.map((place) => batches.denoisingBatch('forget', place, 'forget')),
      retain: await descent.held(kept.map((place) => batches.retainBatch('retain', place))),
    };
    return negGradStep(descent.tools, drawn, settings);
  });
}
