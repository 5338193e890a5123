import { forgottenBatches } from '../descent/descent-cost.ts';
import type { DenoisingBatch, TargetedBatch } from '../descent/trainable-model.ts';
import type { Process } from '../diffusion/process.ts';
import type { Role } from '../evaluation/figure.ts';
import { type EncodedPrompt, requireEncoded } from '../families/encoded-prompt.ts';
import type { LatentSize } from '../families/family.ts';
import { isSameSize } from '../families/latent-sizes.ts';
import { createGenerator, type Generator, seedFor } from '../tensor/random.ts';
import { joinRows } from '../tensor/rows.ts';
import { ConceptTurns } from './concept-turns.ts';
import type { Dataset, DatasetItem } from './dataset.ts';
import { type SizeShare, SizeTurns } from './size-turns.ts';

/** What all batches of a run have in common. */
export interface BatchSettings {
  readonly seed: number;
  /** Rows of a batch. */
  readonly batch: number;
  readonly process: Process;
  /** Sizes of each set's pictures, where not all have the one that the model is asked with by default. */
  readonly sizes?: Readonly<Record<Role, readonly SizeShare[]>>;
  /** The prompts of each of several concepts, as the model is asked with them, which take turns. */
  readonly concepts?: readonly (readonly string[])[];
  /** Whether a concept that is gone can be held where it is. */
  readonly holds?: boolean;
}

/** Where in a run a batch is drawn. */
export interface BatchPlace {
  /** Counts the batches of its role from the start of the run. */
  readonly index: number;
  /** How many of them a step has. Default: one. */
  readonly perStep?: number;
}

/**
 * Where a step's batches of one role are drawn.
 *
 * @param step counts the run's steps from 0
 * @param perStep so many batches each of them has
 */
export function placesOfStep(step: number, perStep: number): BatchPlace[] {
  return Array.from({ length: perStep }, (_, i) => ({ index: step * perStep + i, perStep }));
}

/** Pictures of one set and one size. */
export interface TakenItems {
  readonly items: readonly DatasetItem[];
  /** What a batch says of them beside their latents. */
  readonly shown: Pick<DenoisingBatch, 'prompts' | 'size' | 'framings'>;
  /** Whether each is of a concept that is gone. */
  readonly isHeld: readonly boolean[];
}

/** Noisy latents of pictures of one set. */
export interface NoisyBatch extends Pick<TakenItems, 'items' | 'isHeld'> {
  /** For whatever else the batch needs to be drawn. */
  readonly generator: Generator;
  /** float32 [N, C, h, w] each */
  readonly x0: Float32Array;
  readonly noise: Float32Array;
  readonly batch: DenoisingBatch;
}

/**
 * Draws the batches of a run. Every draw has a seed of its own, made of the run's seed and its
 * place in the run, so that a resumed run draws the same numbers as an uninterrupted one.
 */
export class BatchSource {
  readonly dataset: Dataset;
  readonly settings: BatchSettings;
  private readonly turns: Readonly<Record<Role, SizeTurns>> | null;
  private readonly concepts: {
    readonly turns: ConceptTurns;
    readonly owners: Map<string, number>;
  } | null;

  constructor(dataset: Dataset, settings: BatchSettings) {
    this.dataset = dataset;
    this.settings = settings;
    const { sizes, concepts = [], holds = false } = settings;
    this.turns = sizes
      ? { forget: new SizeTurns(sizes.forget), retain: new SizeTurns(sizes.retain) }
      : null;
    this.concepts =
      concepts.length < 2
        ? null
        : {
            turns: new ConceptTurns(concepts.length, holds),
            owners: new Map(
              concepts.flatMap((prompts, i) => prompts.map((prompt) => [prompt, i] as const)),
            ),
          };
  }

  /** From now on these concepts, by their places, are gone: see `ConceptTurns`. */
  hold(gone: readonly number[]): void {
    this.concepts?.turns.hold(gone);
  }

  /** Pictures to retain, noised, with what the model is trained to answer. */
  retainBatch(role: 'retain' | 'validation', place: BatchPlace): TargetedBatch {
    return this.denoisingBatch(role, place, 'retain');
  }

  /** Pictures of a set, noised, and the noise (or v) that leads back to them. */
  denoisingBatch(role: string, place: BatchPlace, set: Role): TargetedBatch {
    const { x0, noise, batch } = this.draw(role, place, set);
    const { timesteps } = batch;
    const target = this.settings.process.target({ x0, noise, timesteps });
    return { ...batch, target };
  }

  /** Pictures to forget, each about once: `forgottenBatches` of them. */
  *forgotten(): Iterable<TargetedBatch> {
    const count = forgottenBatches(this.dataset.forget.length, this.settings.batch);
    for (let index = 0; index < count; index++) {
      yield this.denoisingBatch('saliency', { index }, 'forget');
    }
  }

  /** The next pictures of a set, each at any timestep of the process. */
  draw(role: string, place: BatchPlace, set: Role): NoisyBatch {
    const { seed, batch, process } = this.settings;
    const generator = createGenerator(seedFor(seed, role, String(place.index)));
    const { items, shown, isHeld } = this.take(role, place, set);
    const x0 = joinRows(items.map(({ latents }) => latents));
    const timesteps = [...generator.randomIntegers(batch, 0, process.timesteps)];
    const noise = generator.randn(x0.length);
    const noisyLatents = process.noise({ x0, noise, timesteps });
    return { items, isHeld, generator, x0, noise, batch: { noisyLatents, timesteps, ...shown } };
  }

  /** The next pictures of a set, all of the size whose turn it is in the step. */
  take(role: string, { index, perStep = 1 }: BatchPlace, set: Role): TakenItems {
    const turned = this.turns?.[set].at(Math.floor(index / perStep));
    if (!turned)
      return this.describe(this.pickInTurn(role, set, { index, among: this.dataset[set] }));
    const place = turned.turn * perStep + (index % perStep);
    const among = itemsOf(this.dataset[set], turned.size);
    return this.describe(this.pickInTurn(role, set, { index: place, among }), turned.size);
  }

  /** The next pictures of a set that have a size, whose turn it need not be; null where none has it. */
  takeOfSize(role: string, index: number, set: Role, size: LatentSize): TakenItems | null {
    const among = itemsOf(this.dataset[set], size);
    if (among.length === 0) return null;
    return this.describe(this.pickInTurn(role, set, { index, among }), size);
  }

  private describe(
    picked: readonly { readonly item: DatasetItem; readonly isHeld: boolean }[],
    size?: LatentSize,
  ): TakenItems {
    const items = picked.map(({ item }) => item);
    const prompts = this.encoded(items.map(({ prompt }) => prompt));
    const framings = items.map(({ framing }) => framing);
    const isFramed = framings.some((framing) => framing !== null);
    return {
      items,
      shown: { prompts, ...(size && { size }), ...(isFramed && { framings }) },
      isHeld: picked.map(({ isHeld }) => isHeld),
    };
  }

  /** The next items of a set; of pictures to forget, of the concepts whose turns they are. */
  private pickInTurn(
    role: string,
    set: Role,
    { index, among }: { readonly index: number; readonly among: readonly DatasetItem[] },
  ): { readonly item: DatasetItem; readonly isHeld: boolean }[] {
    const { concepts } = this;
    if (set === 'retain' || concepts === null) {
      return this.pick(role, index, among).map((item) => ({ item, isHeld: false }));
    }
    const { batch } = this.settings;
    return Array.from({ length: batch }, (_, row) => {
      const { concept, turn, isHeld } = concepts.turns.at(index * batch + row);
      const own = among.filter(({ prompt }) => concepts.owners.get(prompt) === concept);
      // A size may have no picture of it.
      const from = own.length > 0 ? own : among;
      return { item: this.nth(`${role} of concept ${concept}`, turn, from), isHeld };
    });
  }

  /** The next `batch` items of an endless series of shuffles of the set. */
  pick<T>(role: string, index: number, set: readonly T[]): T[] {
    const { batch } = this.settings;
    return Array.from({ length: batch }, (_, row) => this.nth(role, index * batch + row, set));
  }

  private nth<T>(role: string, position: number, set: readonly T[]): T {
    const order = shuffled(
      set.length,
      seedFor(this.settings.seed, role, 'order', String(Math.floor(position / set.length))),
    );
    const item = set[order[position % set.length] ?? 0];
    if (item === undefined) throw new RangeError(`the ${role} set is empty`);
    return item;
  }

  /** @throws RangeError for a prompt that was not encoded */
  encoded(prompts: readonly string[]): EncodedPrompt[] {
    return prompts.map((prompt) => requireEncoded(this.dataset.prompts, prompt));
  }
}

function itemsOf(items: readonly DatasetItem[], size: LatentSize): readonly DatasetItem[] {
  return items.filter((item) => isSameSize(item.size, size));
}

/** A random order of 0 … count − 1 (Fisher and Yates). */
function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  const draws = createGenerator(seed).uniform(count);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((draws[i] ?? 0) * (i + 1));
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}
