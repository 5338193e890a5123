import type { DenoisingBatch, TargetedBatch } from '../descent/trainable-model.ts';
import type { Process } from '../diffusion/process.ts';
import { type EncodedPrompt, requireEncoded } from '../families/encoded-prompt.ts';
import { createGenerator, type Generator, seedFor } from '../tensor/random.ts';
import { joinRows } from '../tensor/rows.ts';
import type { Dataset, DatasetItem } from './dataset.ts';

/** What all batches of a run have in common. */
export interface BatchSettings {
  readonly seed: number;
  /** Rows of a batch. */
  readonly batch: number;
  readonly process: Process;
}

/** Noisy latents of pictures of one set. */
export interface NoisyBatch {
  readonly items: readonly DatasetItem[];
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

  constructor(dataset: Dataset, settings: BatchSettings) {
    this.dataset = dataset;
    this.settings = settings;
  }

  /**
   * Pictures to retain, noised, with what the model is trained to answer.
   *
   * @param index counts the batches of this role from the start of the run
   */
  retainBatch(role: 'retain' | 'validation', index: number): TargetedBatch {
    const { x0, noise, batch } = this.draw(role, index, this.dataset.retain);
    const { timesteps } = batch;
    const target = this.settings.process.target({ x0, noise, timesteps });
    return { ...batch, target };
  }

  /** The next pictures of a set, each at any timestep of the process. */
  draw(role: string, index: number, set: readonly DatasetItem[]): NoisyBatch {
    const { seed, batch, process } = this.settings;
    const generator = createGenerator(seedFor(seed, role, String(index)));
    const items = this.pick(role, index, set);
    const x0 = joinRows(items.map(({ latents }) => latents));
    const timesteps = [...generator.randomIntegers(batch, 0, process.timesteps)];
    const noise = generator.randn(x0.length);
    const noisyLatents = process.noise({ x0, noise, timesteps });
    const prompts = this.encoded(items.map(({ prompt }) => prompt));
    return { items, generator, x0, noise, batch: { noisyLatents, timesteps, prompts } };
  }

  /** The next `batch` items of an endless series of shuffles of the set. */
  pick<T>(role: string, index: number, set: readonly T[]): T[] {
    const { seed, batch } = this.settings;
    return Array.from({ length: batch }, (_, row) => {
      const position = index * batch + row;
      const order = shuffled(
        set.length,
        seedFor(seed, role, 'order', String(Math.floor(position / set.length))),
      );
      const item = set[order[position % set.length] ?? 0];
      if (item === undefined) throw new RangeError(`the ${role} set is empty`);
      return item;
    });
  }

  /** @throws RangeError for a prompt that was not encoded */
  encoded(prompts: readonly string[]): EncodedPrompt[] {
    return prompts.map((prompt) => requireEncoded(this.dataset.prompts, prompt));
  }
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
