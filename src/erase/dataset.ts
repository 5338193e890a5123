import type { NoiseSchedule } from '../diffusion/noise-schedule.ts';
import { qSample, vTarget } from '../diffusion/forward-process.ts';
import { createGenerator, seedFor } from '../tensor/random.ts';
import { joinRows } from '../tensor/rows.ts';
import type { ForgetBatch, RetainBatch } from './erasediff.ts';

/** One encoded picture and the prompt that goes with it. */
export interface DatasetItem {
  /** x₀, scaled as the UNet takes it: float32 [C, h, w]. */
  readonly latents: Float32Array;
  readonly prompt: string;
}

/** Everything that training draws from; made once, before the first step. */
export interface Dataset {
  /** Pictures to forget; `anchors` names for each prompt what it is steered to. */
  readonly forget: readonly DatasetItem[];
  readonly retain: readonly DatasetItem[];
  readonly anchors: ReadonlyMap<string, string>;
  /** Encoded prompts: float32 [T, D]. */
  readonly contexts: ReadonlyMap<string, Float32Array>;
}

export interface BatchSettings {
  readonly seed: number;
  readonly batch: number;
  readonly target: 'anchor' | 'uniform';
  readonly schedule: NoiseSchedule;
  readonly predictionType: 'epsilon' | 'v_prediction';
}

/**
 * Draws the batches of a run. Every draw has a seed of its own, made of the run's seed and its
 * place in the run, so that a resumed run draws the same numbers as an uninterrupted one.
 */
export class BatchSource {
  private readonly dataset: Dataset;
  private readonly settings: BatchSettings;

  constructor(dataset: Dataset, settings: BatchSettings) {
    this.dataset = dataset;
    this.settings = settings;
  }

  /** @param index counts the batches of this role from the start of the run */
  forgetBatch(role: 'forget' | 'inner', index: number): ForgetBatch {
    const { items, generator, noise, batch } = this.draw(role, index, this.dataset.forget);
    if (this.settings.target === 'uniform') {
      return { ...batch, steerTo: { kind: 'values', values: generator.uniform(noise.length) } };
    }
    const anchors = items.map(({ prompt }) => this.dataset.anchors.get(prompt) ?? '');
    return { ...batch, steerTo: { kind: 'anchor', context: this.contextOf(anchors) } };
  }

  retainBatch(role: 'retain' | 'validation', index: number): RetainBatch {
    const { x0, noise, batch } = this.draw(role, index, this.dataset.retain);
    const { schedule, predictionType } = this.settings;
    const { timesteps } = batch;
    const target =
      predictionType === 'epsilon' ? noise : vTarget(schedule, { x0, noise, timesteps });
    return { ...batch, target };
  }

  private draw(role: string, index: number, set: readonly DatasetItem[]) {
    const { seed, batch, schedule } = this.settings;
    const generator = createGenerator(seedFor(seed, role, String(index)));
    const items = this.pick(role, index, set);
    const x0 = joinRows(items.map(({ latents }) => latents));
    const timesteps = [...generator.randomIntegers(batch, 0, schedule.alphasCumprod.length)];
    const noise = generator.randn(x0.length);
    const noisyLatents = qSample(schedule, { x0, noise, timesteps });
    const context = this.contextOf(items.map(({ prompt }) => prompt));
    return { items, generator, x0, noise, batch: { noisyLatents, timesteps, context } };
  }

  /** The next `batch` items of an endless series of shuffles of the set. */
  private pick(role: string, index: number, set: readonly DatasetItem[]): DatasetItem[] {
    const { seed, batch } = this.settings;
    return Array.from({ length: batch }, (_, row) => {
      const position = index * batch + row;
      const order = shuffled(
        set.length,
        seedFor(seed, role, 'order', String(Math.floor(position / set.length))),
      );
      const item = set[order[position % set.length] ?? 0];
      if (!item) throw new RangeError(`the ${role} set is empty`);
      return item;
    });
  }

  private contextOf(prompts: readonly string[]): Float32Array {
    return joinRows(
      prompts.map((prompt) => {
        const context = this.dataset.contexts.get(prompt);
        if (!context) throw new RangeError(`prompt "${prompt}" was not encoded`);
        return context;
      }),
    );
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
