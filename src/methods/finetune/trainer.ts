import { Descent } from '../../descent/descent.ts';
import { followLosses } from '../../descent/two-losses.ts';
import { placesOfStep } from '../../training/batch-source.ts';
import type { Trainer, TrainerContext } from '../method.ts';
import type { FineTuneSettings } from './settings.ts';

/** Trains on kept pictures alone: θ ← θ − lr·∇L_r, the gradient clipped. */
export async function openFineTune(
  context: TrainerContext<FineTuneSettings & { readonly retainTarget: 'noise' }>,
): Promise<Trainer> {
  const { batches, settings } = context;
  const descent = await Descent.open(context);
  return descent.trainer(async (index) => {
    const places = placesOfStep(index, settings.accumulation);
    const retain = places.map((place) => batches.retainBatch('retain', place));
    const step = await followLosses(
      descent.tools,
      { forget: [], retain },
      { ...settings, lambda: () => 0 },
    );
    return { ...step, lambda: null, forgetGradientNorm: null };
  });
}
