import { describe, expect, it } from 'vitest';
import { qSample } from '../../src/diffusion/forward-process.ts';
import type { EncodedPrompt } from '../../src/families/encoded-prompt.ts';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { forgetBatch } from '../../src/methods/erasediff/batches.ts';
import { mixtureBatch } from '../../src/methods/siss/batches.ts';
import { type BatchSettings, BatchSource } from '../../src/training/batch-source.ts';
import type { Dataset } from '../../src/training/dataset.ts';

const schedule = createNoiseSchedule();
const batch = 2;
const contextSize = 3;
const latentSize = 8;

/** Every picture has a prompt of its own; a prompt's number fills its context. */
const forgetPrompts = ['f0', 'f1', 'f2', 'f3', 'f4'];
const retainPrompts = ['r0', 'r1', 'r2'];
const anchorPrompts = ['a0', 'a1', 'a2', 'a3', 'a4'];
const allPrompts = [...forgetPrompts, ...retainPrompts, ...anchorPrompts];
const numberOf = (prompt: string) => allPrompts.indexOf(prompt);
const latentsOf = (prompt: string) =>
  Float32Array.from({ length: latentSize }, (_, i) => numberOf(prompt) + i / 16);

const items = (prompts: readonly string[]) =>
  prompts.map((prompt) => ({
    ...{ prompt, latents: latentsOf(prompt), size: { latentHeight: 2, latentWidth: 4 } },
    framing: null,
  }));
const dataset: Dataset = {
  forget: items(forgetPrompts),
  retain: items(retainPrompts),
  anchors: new Map(forgetPrompts.map((prompt, i) => [prompt, anchorPrompts[i]!])),
  prompts: new Map(
    allPrompts.map((prompt) => [
      prompt,
      { context: new Float32Array(contextSize).fill(numberOf(prompt)), pooled: null },
    ]),
  ),
};

const settings: BatchSettings = {
  seed: 7,
  batch,
  process: new VariancePreserving(schedule, 'epsilon'),
};
const source = (changes: Partial<BatchSettings> = {}, of = dataset) =>
  new BatchSource(of, { ...settings, ...changes });

const anchored = (from: BatchSource, role: 'forget' | 'inner', index: number) =>
  forgetBatch(from, { target: { kind: 'anchor' }, anchors: 'own' }, [], { role, index });
const mixing = { accumulation: 1, mixture: 0.5, firstTimestep: 999, lastTimestep: 999 };

/** The texts of a batch's prompts, by their contexts. */
function textsOf(prompts: readonly EncodedPrompt[]): string[] {
  return prompts.map(({ context }) => allPrompts[context[0]!]!);
}
const indices = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('BatchSource', () => {
  it('draws the same at the same place, whatever was drawn before', () => {
    const used = source();
    indices(9).forEach((i) => {
      anchored(used, 'forget', i);
      used.retainBatch('validation', { index: i });
    });
    expect(anchored(used, 'forget', 4)).toEqual(anchored(source(), 'forget', 4));
    expect(anchored(used, 'inner', 4)).toEqual(anchored(source(), 'inner', 4));
    expect(used.retainBatch('retain', { index: 4 })).toEqual(
      source().retainBatch('retain', { index: 4 }),
    );
  });

  it.each([
    ['forget', forgetPrompts],
    ['inner', forgetPrompts],
  ] as const)('visits every picture once in each round (%s)', (role, prompts) => {
    const drawn = indices(15).flatMap((i) => textsOf(anchored(source(), role, i).prompts));
    const rounds = indices(drawn.length / prompts.length).map((round) =>
      drawn.slice(round * prompts.length, (round + 1) * prompts.length),
    );
    expect(rounds).toHaveLength(6);
    for (const round of rounds) expect([...round].sort()).toEqual(prompts);
    // In an order of its own.
    expect(new Set(rounds.map((round) => round.join())).size).toBeGreaterThan(3);
  });

  it('visits every picture to retain, one more often than a batch is large', () => {
    const drawn = indices(3).flatMap((i) =>
      textsOf(source().retainBatch('retain', { index: i }).prompts),
    );
    expect(drawn.sort()).toEqual([...retainPrompts, ...retainPrompts].sort());
  });

  it('draws for each role, each place and each seed something of its own', () => {
    const noisy = [
      anchored(source(), 'forget', 0),
      anchored(source(), 'forget', 1),
      anchored(source(), 'inner', 0),
      source().retainBatch('retain', { index: 0 }),
      source().retainBatch('validation', { index: 0 }),
      anchored(source({ seed: 8 }), 'forget', 0),
    ];
    expect(new Set(noisy.map(({ timesteps }) => timesteps.join())).size).toBe(noisy.length);
    const noise = [0, 1, 2].flatMap((i) =>
      (['retain', 'validation'] as const).map(
        (role) => source().retainBatch(role, { index: i }).target,
      ),
    );
    expect(new Set(noise.map((target) => target.join())).size).toBe(noise.length);
  });

  it('gives x_t of the picture, the noise that is in it as target', () => {
    const {
      target: noise,
      timesteps,
      noisyLatents,
      prompts,
    } = source().retainBatch('retain', { index: 3 });
    expect(noisyLatents).toEqual(qSample(schedule, { x0: cleanOf(prompts), noise, timesteps }));
  });

  it('gives v as the target of a model that predicts v', () => {
    const epsilon = source().retainBatch('retain', { index: 3 });
    const process = new VariancePreserving(schedule, 'v_prediction');
    const v = source({ process }).retainBatch('retain', { index: 3 });
    expect({ ...v, target: epsilon.target }).toEqual(epsilon);
    const { target: noise, timesteps, prompts } = epsilon;
    expect(v.target).toEqual(process.target({ x0: cleanOf(prompts), noise, timesteps }));
  });

  it('steers each prompt to its own anchor', () => {
    indices(5).forEach((i) => {
      const { prompts, steerTo } = anchored(source(), 'forget', i);
      if (steerTo.kind !== 'anchor') throw new Error('an anchor was expected');
      expect(textsOf(steerTo.prompts)).toEqual(
        textsOf(prompts).map((prompt) => dataset.anchors.get(prompt)),
      );
    });
  });

  it('steers each row to a kept prompt drawn for it, the rest of the batch being the same', () => {
    const kept = allPrompts.slice(1, 4);
    const choice = { target: { kind: 'anchor' }, anchors: 'kept' } as const;
    const seen = indices(20).flatMap((index) => {
      const drawn = forgetBatch(source(), choice, kept, { role: 'forget', index });
      const own = anchored(source(), 'forget', index);
      expect({ ...drawn, steerTo: own.steerTo }).toEqual(own);
      return drawn.steerTo.kind === 'anchor' ? textsOf(drawn.steerTo.prompts) : [];
    });
    expect(seen).toHaveLength(20 * batch);
    expect([...new Set(seen)].sort()).toEqual([...kept].sort());
  });

  it('steers to U(0, 1) otherwise, the rest of the batch being the same', () => {
    const uniform = { target: { kind: 'uniform' }, anchors: 'own' } as const;
    const drawn = forgetBatch(source(), uniform, [], { role: 'forget', index: 2 });
    const { steerTo } = drawn;
    if (steerTo.kind !== 'values') throw new Error('values were expected');
    expect(steerTo.values).toHaveLength(batch * latentSize);
    expect(steerTo.values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(steerTo.values).size).toBeGreaterThan(latentSize);
    expect({ ...anchored(source(), 'forget', 2), steerTo }).toEqual(drawn);
  });

  it('mixes pictures to forget into those to keep, as many of a step’s rows as λ says', () => {
    const steps = indices(20);
    const accumulation = 3;
    const settings = { accumulation, mixture: 0.4, firstTimestep: 700, lastTimestep: 800 };
    const mixed = (index: number, from = source()) => mixtureBatch(from, settings, index);
    const used = source();
    const shares = steps.map((step) => {
      const batches = indices(accumulation).map((i) => mixed(step * accumulation + i, used).batch);
      const prompts = batches.flatMap((drawn) => textsOf(drawn.prompts));
      for (const [i, prompt] of prompts.entries()) {
        const { retain, forget } = batches[Math.floor(i / batch)]!;
        const isForget = forgetPrompts.includes(prompt);
        expect(forget.weights[i % batch]).toBeCloseTo(isForget ? 1 / 0.4 : 0);
        expect(retain.weights[i % batch]).toBeCloseTo(isForget ? 0 : 1 / 0.6);
      }
      for (const { timesteps } of batches) {
        expect(Math.min(...timesteps)).toBeGreaterThanOrEqual(700);
        expect(Math.max(...timesteps)).toBeLessThanOrEqual(800);
      }
      return prompts.filter((prompt) => forgetPrompts.includes(prompt)).length / prompts.length;
    });
    for (const share of shares)
      expect(Math.abs(share - 0.4)).toBeLessThan(1 / (batch * accumulation));
    // Which rows they are differs from step to step.
    const firsts = steps.map((step) => textsOf(mixed(step * accumulation, used).batch.prompts)[0]!);
    expect(new Set(firsts.map((prompt) => forgetPrompts.includes(prompt))).size).toBe(2);
    expect(mixed(7, used)).toEqual(mixed(7));
  });

  it('says which pictures to keep have a caption that is forgotten', () => {
    const shared = { ...dataset, retain: items([...retainPrompts.slice(1), forgetPrompts[0]!]) };
    const flags = indices(4).flatMap(
      (i) => mixtureBatch(source({}, shared), mixing, i).isForgotten,
    );
    expect(flags.filter((flag) => flag).length).toBeGreaterThan(0);
    expect(flags.filter((flag) => !flag).length).toBeGreaterThan(0);
    expect(mixtureBatch(source(), mixing, 0).isForgotten).toEqual(indices(batch).map(() => false));
  });

  it('draws timesteps from the whole schedule, evenly', () => {
    const drawn = indices(1000).flatMap((i) => anchored(source(), 'forget', i).timesteps);
    expect(drawn.every((t) => Number.isInteger(t) && t >= 0 && t < 1000)).toBe(true);
    const tenths = indices(10).map((tenth) => drawn.filter((t) => Math.floor(t / 100) === tenth));
    // 200 are expected in each, with a standard deviation of 13.
    for (const { length } of tenths) expect(Math.abs(length - 200)).toBeLessThan(60);
  });

  it('refuses an empty set and a prompt that was not encoded', () => {
    expect(() => anchored(source({}, { ...dataset, forget: [] }), 'forget', 0)).toThrow(
      'the forget set is empty',
    );
    expect(() =>
      source({}, { ...dataset, prompts: new Map() }).retainBatch('retain', { index: 0 }),
    ).toThrow(/prompt "r\d" was not encoded/);
  });
});

function cleanOf(prompts: readonly EncodedPrompt[]): Float32Array {
  return Float32Array.from(textsOf(prompts).flatMap((prompt) => [...latentsOf(prompt)]));
}
