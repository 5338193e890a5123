import { entriesOf } from '../../descent/ascent.ts';
import { Descent } from '../../descent/descent.ts';
import type { OuterTools, StepReport } from '../../descent/outer-step.ts';
import type { TargetedBatch } from '../../descent/trainable-model.ts';
import { followLosses } from '../../descent/two-losses.ts';
import { elementAt } from '../../element-at.ts';
import { joinRows, splitRows } from '../../tensor/rows.ts';
import { type BatchPlace, type BatchSource, placesOfStep } from '../../training/batch-source.ts';
import type { DatasetItem } from '../../training/dataset.ts';
import type { Trainer, TrainerContext } from '../method.ts';
import { nearestKept, redirected } from './neighbours.ts';
import type { ReTrackSettings } from './settings.ts';

/** Trains by ReTrack. */
export async function openReTrack(context: TrainerContext<ReTrackSettings>): Promise<Trainer> {
  const { batches, settings } = context;
  const descent = await Descent.open(context);
  const redirect = redirector(batches, settings.neighbours);
  return descent.trainer(async (index) => {
    const places = placesOfStep(index, settings.accumulation);
    const drawn = {
      forget: places.map(redirect),
      retain: await descent.held(places.map((place) => batches.retainBatch('retain', place))),
    };
    const step = await reTrackStep(descent.tools, drawn, settings);
    return { ...step, lambda: null };
  });
}

/**
 * One step of ReTrack: θ ← θ − lr·(λ∇L_u + (1 − λ)∇L_r), the sum clipped. Both losses are sums over a picture's
 * entries, averaged over the rows; L_u compares what the model predicts on pictures to forget with what leads to
 * their neighbours (`redirected`).
 *
 * @param batches of equal size; the report's losses are means over entries
 */
export async function reTrackStep(
  run: OuterTools,
  { forget, retain }: Readonly<Record<'forget' | 'retain', readonly TargetedBatch[]>>,
  {
    forgetShare,
    ...settings
  }: Pick<ReTrackSettings, 'learningRate' | 'clipNorm'> & { readonly forgetShare: number },
): Promise<Omit<StepReport, 'innerLosses'>> {
  return followLosses(
    run,
    {
      forget: forget.map((batch) => ({ batch, target: run.model.target(batch.target, batch) })),
      retain,
    },
    {
      ...settings,
      lambda: () => forgetShare,
      retainWeight: 1 - forgetShare,
      scale: entriesOf(elementAt(forget, 0)),
    },
  );
}

/** Batches of pictures to forget, with what leads to their neighbours, which are looked for once. */
function redirector(batches: BatchSource, count: number): (place: BatchPlace) => TargetedBatch {
  const known = new Map<DatasetItem, readonly Float32Array[]>();
  const neighboursOf = (item: DatasetItem) => {
    const found =
      known.get(item) ??
      nearestKept(item, batches.dataset.retain, count).map(({ latents }) => latents);
    known.set(item, found);
    return found;
  };
  const { process } = batches.settings;
  return (place) => {
    const { items, batch } = batches.draw('forget', place, 'forget');
    const rows = splitRows(batch.noisyLatents, batch.noisyLatents.length / items.length);
    const targets = items.map((item, row) =>
      redirected(
        {
          noisyLatents: elementAt(rows, row),
          timestep: elementAt(batch.timesteps, row),
        },
        neighboursOf(item),
        process,
      ),
    );
    return { ...batch, target: joinRows(targets) };
  };
}
