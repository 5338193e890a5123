import { elementAt } from '../../element-at.ts';
import { createGenerator, seedFor } from '../../tensor/random.ts';
import type { Role } from '../../evaluation/figure.ts';
import type { BatchPlace, BatchSource, TakenItems } from '../../training/batch-source.ts';
import { type MixedRow, mixRows } from './mixture.ts';
import type { SissSettings } from './settings.ts';
import type { MixtureBatch } from './step.ts';

type MixtureSettings = Pick<
  SissSettings,
  'mixture' | 'firstTimestep' | 'lastTimestep' | 'accumulation'
>;

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
  const isForget = drawSources(source, settings, index);
  const taken = takeSides(source, { index, perStep: settings.accumulation }, isForget);
  const last = Math.min(settings.lastTimestep, process.timesteps - 1);
  const first = Math.min(settings.firstTimestep, last);
  const timesteps = generator.randomIntegers(batch, first, last + 1);
  const rows = isForget.map((forgets, row): MixedRow => {
    const [kept, forgotten] = [taken.retain?.items[row], taken.forget?.items[row]];
    return {
      retain: kept?.latents ?? null,
      forget: forgotten?.latents ?? null,
      isForget: forgets,
      isSameCaption: kept?.prompt === forgotten?.prompt,
      timestep: elementAt(timesteps, row),
    };
  });
  const entries = rows.reduce((sum, row) => sum + (row.retain ?? row.forget ?? []).length, 0);
  const noise = generator.randn(entries);
  const forgottenPrompts = new Set(dataset.forget.map(({ prompt }) => prompt));
  const { mixture } = settings;
  return {
    batch: {
      ...mixRows(rows, noise, { process, mixture }),
      ...shownOf(rows, taken),
    },
    isForgotten: rows.map((_, row) => {
      const kept = taken.retain?.items[row];
      return kept !== undefined && forgottenPrompts.has(kept.prompt);
    }),
  };
}

/** Pictures of one size for the two sides of a batch's rows; null for a side that has none of it. */
type Sides = Readonly<Record<Role, TakenItems | null>>;

/**
 * Takes the pictures of a batch. Those that are noised are of the size whose turn it is in their set, and meet
 * those of the other set that have it too.
 */
function takeSides(source: BatchSource, place: BatchPlace, isForget: readonly boolean[]): Sides {
  const take = (set: Role) => source.take(`mixture-${set}`, place, set);
  if (!source.settings.sizes) return { retain: take('retain'), forget: take('forget') };
  const [own, other] =
    isForget[0] === true ? (['forget', 'retain'] as const) : (['retain', 'forget'] as const);
  const noised = take(own);
  const { size } = noised.shown;
  const met = size ? source.takeOfSize(`mixture-${other}`, place.index, other, size) : null;
  return own === 'forget' ? { forget: noised, retain: met } : { retain: noised, forget: met };
}

/** What is shown with each row: what belongs to the picture that its noisy latent is made of. */
function shownOf(rows: readonly MixedRow[], { retain, forget }: Sides): TakenItems['shown'] {
  const shown = rows.map(({ isForget }) => (isForget ? forget : retain)?.shown);
  const isFramed = shown.some((one) => one?.framings !== undefined);
  return {
    ...shown[0],
    prompts: shown.map((one, row) => elementAt(one?.prompts ?? [], row)),
    ...(isFramed && { framings: shown.map((one, row) => one?.framings?.[row] ?? null) }),
  };
}

/**
 * Which rows of a batch are made of pictures to forget: each with the probability λ, and in a
 * step's rows taken together λ of them, to the nearest (systematic sampling). Those of one kind
 * are neighbours, so that most batches of a step are of one kind and take one gradient. Where pictures have
 * several sizes, all rows of a batch are of one kind, as those of the two may have none in common.
 */
function drawSources(
  { settings: { seed, batch, sizes } }: BatchSource,
  { accumulation, mixture }: MixtureSettings,
  index: number,
): boolean[] {
  const step = Math.floor(index / accumulation);
  const [offset = 0] = createGenerator(seedFor(seed, 'mixture', 'offset', step)).uniform(1);
  return Array.from({ length: batch }, (_, row) => {
    const place = ((index % accumulation) * batch + (sizes ? 0 : row)) / (accumulation * batch);
    return (offset + place) % 1 < mixture;
  });
}
