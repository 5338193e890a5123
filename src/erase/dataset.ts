import type { NoiseSchedule } from '../diffusion/noise-schedule.ts';
import { qSample, vTarget } from '../diffusion/forward-process.ts';
import {
  type EncodedPrompt,
  type EncodedPrompts,
  requireEncoded,
} from '../pipeline/encoded-prompt.ts';
import { createGenerator, seedFor } from '../tensor/random.ts';
import { joinRows } from '../tensor/rows.ts';
import type { ForgetBatch, RetainBatch } from './erasediff.ts';
import { type MixedRow, mixRows } from './mixture.ts';
import type { MixtureBatch } from './siss.ts';

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
  readonly prompts: EncodedPrompts;
}

export interface BatchSettings {
  readonly seed: number;
  readonly batch: number;
  readonly accumulation: number;
  readonly target: 'anchor' | 'uniform';
  /** SISS: λ and the first timestep that noisy latents are drawn at. */
  readonly mixture: number;
  readonly firstTimestep: number;
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
  private readonly forgottenPrompts: ReadonlySet<string>;

  constructor(dataset: Dataset, settings: BatchSettings) {
    this.dataset = dataset;
    this.settings = settings;
    this.forgottenPrompts = new Set(dataset.forget.map(({ prompt }) => prompt));
  }

  /** @param index counts the batches of this role from the start of the run */
  forgetBatch(role: 'forget' | 'inner', index: number): ForgetBatch {
    const { items, generator, noise, batch } = this.draw(role, index, this.dataset.forget);
    if (this.settings.target === 'uniform') {
      return { ...batch, steerTo: { kind: 'values', values: generator.uniform(noise.length) } };
    }
    const anchors = items.map(({ prompt }) => this.dataset.anchors.get(prompt) ?? '');
    return { ...batch, steerTo: { kind: 'anchor', prompts: this.encoded(anchors) } };
  }

  retainBatch(role: 'retain' | 'validation', index: number): RetainBatch {
    const { x0, noise, batch } = this.draw(role, index, this.dataset.retain);
    const { schedule, predictionType } = this.settings;
    const { timesteps } = batch;
    const target =
      predictionType === 'epsilon' ? noise : vTarget(schedule, { x0, noise, timesteps });
    return { ...batch, target };
  }

  /**
   * Noisy latents of pictures to keep and to forget, of each as many of a step's rows as its share
   * says. A noisy latent goes with its picture's caption; under another it is none of the other's.
   * With it, whether the caption of each row's picture to keep is one of a picture to forget.
   */
  mixtureBatch(index: number): { batch: MixtureBatch; isForgotten: boolean[] } {
    const { seed, batch, schedule, firstTimestep } = this.settings;
    const generator = createGenerator(seedFor(seed, 'mixture', index));
    const retain = this.pick('mixture-retain', index, this.dataset.retain);
    const forget = this.pick('mixture-forget', index, this.dataset.forget);
    const isForget = this.drawSources(index);
    const steps = schedule.alphasCumprod.length;
    const first = Math.min(firstTimestep, steps - 1);
    const timesteps = generator.randomIntegers(batch, first, steps);
    const rows = retain.map((kept, row): MixedRow => {
      const forgotten = forget[row] ?? missing('forget');
      return {
        retain: kept.latents,
        forget: forgotten.latents,
        isForget: isForget[row] === true,
        isSameCaption: kept.prompt === forgotten.prompt,
        timestep: timesteps[row] ?? first,
      };
    });
    const prompts = rows.map((row, i) => (row.isForget ? forget : retain)[i]?.prompt ?? '');
    const noise = generator.randn(batch * (rows[0]?.retain.length ?? 0));
    return {
      batch: { ...mixRows(rows, noise, this.settings), prompts: this.encoded(prompts) },
      isForgotten: retain.map(({ prompt }) => this.forgottenPrompts.has(prompt)),
    };
  }

  /**
   * Which rows of a batch are made of pictures to forget: each with the probability λ, and in a
   * step's rows taken together λ of them, to the nearest (systematic sampling). Those of one kind
   * are neighbours, so that most batches of a step are of one kind and take one gradient.
   */
  private drawSources(index: number): boolean[] {
    const { seed, batch, accumulation, mixture } = this.settings;
    const step = Math.floor(index / accumulation);
    const [offset = 0] = createGenerator(seedFor(seed, 'mixture', 'offset', step)).uniform(1);
    return Array.from({ length: batch }, (_, row) => {
      const place = ((index % accumulation) * batch + row) / (accumulation * batch);
      return (offset + place) % 1 < mixture;
    });
  }

  private draw(role: string, index: number, set: readonly DatasetItem[]) {
    const { seed, batch, schedule } = this.settings;
    const generator = createGenerator(seedFor(seed, role, String(index)));
    const items = this.pick(role, index, set);
    const x0 = joinRows(items.map(({ latents }) => latents));
    const timesteps = [...generator.randomIntegers(batch, 0, schedule.alphasCumprod.length)];
    const noise = generator.randn(x0.length);
    const noisyLatents = qSample(schedule, { x0, noise, timesteps });
    const prompts = this.encoded(items.map(({ prompt }) => prompt));
    return { items, generator, x0, noise, batch: { noisyLatents, timesteps, prompts } };
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
      return set[order[position % set.length] ?? 0] ?? missing(role);
    });
  }

  private encoded(prompts: readonly string[]): EncodedPrompt[] {
    return prompts.map((prompt) => requireEncoded(this.dataset.prompts, prompt));
  }
}

function missing(set: string): never {
  throw new RangeError(`the ${set} set is empty`);
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
