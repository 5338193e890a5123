import { elementAt } from '../../element-at.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import type { BatchSource, TakenItems } from '../../training/batch-source.ts';
import { type MixedRow, mixRows } from './mixture.ts';
import type { SissSettings } from './settings.ts';
import type { MixtureBatch } from './step.ts';

type MixtureSettings = Pick<SissSettings, 'mixture' | 'firstTimestep' | 'accumulation'>;

/**
 * Noisy latents of pictures to keep and to forget, of each as many of a step's rows as its share
 * says. A noisy latent goes with its picture's caption; under another it is none of the other's.
 *
 * @param index counts the batches from the start of the run
 * @returns with the batch, whether the caption of each row's picture to keep is one of a picture to
 *   forget
 */
export function mixtureBatch(
  source: BatchSource,
  settings: MixtureSettings,
  index: number,
): { batch: MixtureBatch; isForgotten: boolean[] } {
  const { dataset } = source;
  const { seed, batch, process } = source.settings;
  const generator = createGenerator(seedFor(seed, 'mixture', index));
  const place = { index, perStep: settings.accumulation };
  const taken = {
    retain: source.take('mixture-retain', place, 'retain'),
    forget: source.take('mixture-forget', place, 'forget'),
  };
  const [retain, forget] = [taken.retain.items, taken.forget.items];
  const isForget = drawSources(source, settings, index);
  const first = Math.min(settings.firstTimestep, process.timesteps - 1);
  const timesteps = generator.randomIntegers(batch, first, process.timesteps);
  const rows = retain.map((kept, row): MixedRow => {
    const forgotten = forget[row];
    const timestep = timesteps[row];
    if (!forgotten || timestep === undefined) throw new RangeError('the batch has unequal sides');
    return {
      retain: kept.latents,
      forget: forgotten.latents,
      isForget: isForget[row] === true,
      isSameCaption: kept.prompt === forgotten.prompt,
      timestep,
    };
  });
  const noise = generator.randn(rows.reduce((sum, row) => sum + row.retain.length, 0));
  const forgottenPrompts = new Set(dataset.forget.map(({ prompt }) => prompt));
  const { mixture } = settings;
  return {
    batch: {
      ...mixRows(rows, noise, { process, mixture }),
      ...shownOf(rows, taken),
    },
    isForgotten: retain.map(({ prompt }) => forgottenPrompts.has(prompt)),
  };
}

/** What is shown with each row: what belongs to the picture that its noisy latent is made of. */
function shownOf(
  rows: readonly MixedRow[],
  { retain, forget }: { readonly retain: TakenItems; readonly forget: TakenItems },
): TakenItems['shown'] {
  const sideOf = ({ isForget }: MixedRow) => (isForget ? forget : retain).shown;
  const isFramed = retain.shown.framings !== undefined || forget.shown.framings !== undefined;
  return {
    ...retain.shown,
    prompts: rows.map((row, i) => elementAt(sideOf(row).prompts, i)),
    ...(isFramed && { framings: rows.map((row, i) => sideOf(row).framings?.[i] ?? null) }),
  };
}

/**
 * Which rows of a batch are made of pictures to forget: each with the probability λ, and in a
 * step's rows taken together λ of them, to the nearest (systematic sampling). Those of one kind
 * are neighbours, so that most batches of a step are of one kind and take one gradient.
 */
function drawSources(
  { settings: { seed, batch } }: BatchSource,
  { accumulation, mixture }: MixtureSettings,
  index: number,
): boolean[] {
  const step = Math.floor(index / accumulation);
  const [offset = 0] = createGenerator(seedFor(seed, 'mixture', 'offset', step)).uniform(1);
  return Array.from({ length: batch }, (_, row) => {
    const place = ((index % accumulation) * batch + row) / (accumulation * batch);
    return (offset + place) % 1 < mixture;
  });
}
