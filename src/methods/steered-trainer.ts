import { Descent } from '../descent/descent.ts';
import type { OuterTools, StepReport } from '../descent/outer-step.ts';
import { aim, type SteeredBatch } from '../descent/steering.ts';
import { withStrength } from '../descent/strength.ts';
import type { TargetedBatch } from '../descent/trainable-model.ts';
import { followLosses } from '../descent/two-losses.ts';
import { elementAt } from '../element-at.ts';
import type { Generator } from '../tensor/random.ts';
import { placesOfStep } from '../training/batch-source.ts';
import type { DatasetItem } from '../training/dataset.ts';
import type { Trainer, TrainerContext } from './method.ts';
import type { CommonSettings, DescentSettings, StepSettings } from './settings-fields.ts';

type SteeredSettings = CommonSettings &
  StepSettings &
  DescentSettings & { readonly retainWeight: number };

/** How far a step follows its two losses. */
type SteeredStepSettings = Pick<SteeredSettings, 'learningRate' | 'clipNorm' | 'retainWeight'>;

/** What the Descent is told of the target: the model's own prediction, under another prompt. */
const target = { kind: 'anchor' } as const;

/**
 * One step: θ ← θ − lr·(∇L_f + w∇L_r), the sum clipped. L_f is the mean squared error of what the model
 * predicts under forgotten prompts to what it predicts itself under others, through which no gradient flows.
 *
 * @param retain none where w is 0
 */
export async function steeredStep(
  run: OuterTools,
  batches: { readonly forget: readonly SteeredBatch[]; readonly retain: readonly TargetedBatch[] },
  settings: SteeredStepSettings,
): Promise<Omit<StepReport, 'innerLosses'>> {
  const forget = await aim(run.model, run.parameters, batches.forget);
  return followLosses(run, { forget, retain: batches.retain }, { ...settings, lambda: () => 1 });
}

/**
 * Trains in such steps.
 *
 * @param steerTo the prompts that pictures to forget are steered to, one for each
 */
export async function openSteered(
  context: TrainerContext<SteeredSettings>,
  steerTo: (items: readonly DatasetItem[], generator: Generator) => readonly string[],
): Promise<Trainer> {
  const { batches, settings, adaptation } = context;
  const { seed, accumulation, retainWeight } = settings;
  const descent = await Descent.open({ ...context, settings: { ...settings, target } });

  const forgetBatch = (place: { index: number; perStep?: number }): SteeredBatch => {
    const { items, generator, batch } = batches.draw('forget', place, 'forget');
    const prompts = batches.encoded(steerTo(items, generator));
    const steered = { ...batch, steerTo: { kind: 'anchor' as const, prompts } };
    return withStrength(adaptation, steered, { seed, role: 'forget', place: place.index });
  };
  const withOriginal = async (forget: readonly SteeredBatch[]): Promise<SteeredBatch[]> => {
    if (adaptation.strength === null) return [...forget];
    const predictions = await descent.predictOriginal(forget);
    return forget.map((batch, i) => ({ ...batch, original: elementAt(predictions, i) }));
  };
  const retainBatch = (place: { index: number; perStep?: number }): TargetedBatch =>
    withStrength(adaptation, batches.retainBatch('retain', place), {
      ...{ seed, role: 'retain', place: place.index },
    });

  return descent.trainer(async (index) => {
    const places = placesOfStep(index, accumulation);
    const drawn = {
      forget: await withOriginal(places.map(forgetBatch)),
      retain: await descent.held(retainWeight === 0 ? [] : places.map(retainBatch)),
    };
    const step = await steeredStep(descent.tools, drawn, settings);
    return { ...step, lambda: null };
  });
}
