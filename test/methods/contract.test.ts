import { describe, expect, it, onTestFinished } from 'vitest';

import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import type { SavedTrainer } from '../../src/methods/method.ts';
import {
  defaultSettings,
  type EraseSettings,
  findMethod,
  methodIds,
  methodOf,
  requireTraining,
  settingsSchema,
  trainingOf,
  trainSetOf,
  usualModel,
} from '../../src/methods/registry.ts';
import { createNoiseSchedule } from '../../src/diffusion/noise-schedule.ts';
import { VariancePreserving } from '../../src/diffusion/variance-preserving.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { formsOf } from '../../src/methods/setting-form.ts';
import { trainSets } from '../../src/methods/settings-fields.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { BatchSource } from '../../src/training/batch-source.ts';
import type { Dataset, DatasetItem } from '../../src/training/dataset.ts';
import { trainedNames } from '../../src/families/stable-diffusion/parameter-groups.ts';
import { tinySd } from '../helpers/forgetful-model.ts';
import { openReferenceUnet } from '../helpers/reference-checkpoint.ts';

// What every registered method keeps to; a new one is tested without a line here.

const models = [usualModel, { size: 64, modelChannels: 32 }];
const latentEntries = 4 * 16 * 16;
const generator = createGenerator(3);
const dataset: Dataset = {
  forget: [0, 1].map((i) => itemOf(`forget ${i}`)),
  retain: [0, 1].map((i) => itemOf(`retain ${i}`)),
  anchors: new Map([0, 1].map((i) => [`forget ${i}`, 'anchor'])),
  prompts: new Map(
    ['', 'forget 0', 'forget 1', 'retain 0', 'retain 1', 'anchor'].map((prompt) => [
      prompt,
      { context: generator.randn(77 * 64), pooled: null },
    ]),
  ),
};

function itemOf(prompt: string): DatasetItem {
  const size = { latentHeight: 16, latentWidth: 16 };
  return { prompt, latents: generator.randn(latentEntries), size, framing: null };
}

describe.each(methodIds)('the method %s', (id) => {
  const method = findMethod(id);
  const each = models.flatMap((model) =>
    trainSets.map((train) => defaultSettings({ method: id, train, ...model })),
  );

  it('has defaults that are valid settings of its own, for every set and model', () => {
    for (const settings of each) {
      expect(settings.method).toBe(id);
      expect(method.settings.parse(settings)).toEqual(settings);
      const stored: unknown = JSON.parse(JSON.stringify(settings));
      expect(settingsSchema.parse(stored)).toEqual(settings);
    }
  });

  it('has no setting of another method, and cannot be given one', () => {
    const [settings] = each;
    for (const other of methodIds.filter((known) => known !== id)) {
      const settingsOfOther: Readonly<Record<string, unknown>> = defaultSettings({
        method: other,
        ...usualModel,
      });
      const foreign = Object.entries(settingsOfOther).filter(
        ([name]) => !Object.hasOwn(method.settings.shape, name),
      );
      for (const [name, value] of foreign) {
        expect(settingsSchema.safeParse({ ...settings, [name]: value }).success, name).toBe(false);
      }
    }
  });

  it('has words for every setting, and means by a shared name what the others do', () => {
    const forms = formsOf(method.settings);
    const names = Object.keys(method.settings.shape).filter((name) => name !== 'method');
    expect(forms.map(({ name }) => name)).toEqual(names);
    for (const other of methodIds.filter((known) => known !== id)) {
      for (const form of formsOf(findMethod(other).settings)) {
        const own = forms.find(({ name }) => name === form.name);
        if (own) expect(own).toEqual(form);
      }
    }
    const options = forms.map(({ option }) => option);
    expect(new Set(options).size).toBe(options.length);
    for (const text of Object.values<string | null>({ ...method.words })) {
      if (text !== null) expect(text.length).toBeGreaterThan(2);
    }
    expect(method.words.watching === null).toBe(method.figures.length === 0);
  });

  it('costs something, and no less than a gradient where it takes steps', () => {
    const facts = { gradient: 3, prediction: 1, trainedBytes: 1e6, contextDim: 768 };
    for (const settings of each) {
      const { step, parameterCopies } = method.cost(settings, facts);
      expect(step).toBeGreaterThan(0);
      expect(Number.isFinite(step)).toBe(true);
      if (method.uses === 'weights') {
        expect(parameterCopies).toBe(0);
        continue;
      }
      expect(step).toBeGreaterThanOrEqual(facts.gradient);
      expect(parameterCopies).toBeGreaterThan(method.stateSets(settings).length);
    }
  });

  it('has steps, and figures of them, if it trains, and neither if it does not', () => {
    for (const settings of each) {
      expect(trainingOf(settings) === null).toBe(method.uses === 'weights');
      expect(trainSets).toContain(trainSetOf(settings));
    }
    expect(method.figures.length === 0).toBe(method.uses === 'weights');
  });
});

const training = methodIds.filter((id) => findMethod(id).uses === 'unet');

describe.each(training)('a trainer of %s', (id) => {
  it('goes on from its saved state as if it had never stopped', async () => {
    const checkpoint = await openReferenceUnet('unet-tiny');
    const names = [...checkpoint.file.tensors.keys()].filter((name) => name.includes('.attn2.'));
    const shape = { batch: 1, latentHeight: 16, latentWidth: 16, contextTokens: 77 };
    const run = { device: 'cpu', threads: 1 } as const;
    const adaptation = fitFullWeights(checkpoint, names);
    const unet = await UnetSession.create(checkpoint, { shape, adaptation, ...run });
    const defaults = defaultSettings({ method: id, train: 'xattn', size: 128, modelChannels: 32 });
    const settings: EraseSettings = {
      ...requireTraining(defaults),
      ...{ batch: 1, seed: 11 },
      ...('accumulation' in defaults && { accumulation: 2 }),
    };
    const process = new VariancePreserving(createNoiseSchedule(), 'epsilon');
    const method = methodOf(settings);
    if (method.uses !== 'unet') throw new Error(`${id} does not train`);
    const prompts = { forget: dataset.anchors, retain: ['retain 0'], encoded: dataset.prompts };
    const batches = new BatchSource(dataset, {
      ...{ seed: settings.seed, batch: 1, process },
    });
    const open = (parameters: TensorSet, saved: SavedTrainer | null) =>
      method.open({
        ...{ settings, checkpoint, prompts, model: unet, adaptation, parameters, batches, saved },
        ...run,
      });

    const parameters = await readParameters(checkpoint, names);
    const whole = await open(parameters, null);
    const first = await whole.step(0);
    const saved = {
      step: 1,
      sets: new Map([...whole.state()].map(([name, set]) => [name, copyOf(set)])),
    };
    const savedParameters = copyOf(parameters);
    expect([...saved.sets.keys()]).toEqual(method.stateSets(settings));
    const second = await whole.step(1);
    await whole.release();
    const resumed = await open(savedParameters, saved);
    expect(await resumed.step(1)).toEqual(second);
    await resumed.release();
    for (const [name, tensor] of parameters.entries()) {
      expect(floatData(savedParameters.get(name)), name).toEqual(floatData(tensor));
    }
    for (const figures of [first, second]) {
      for (const figure of Object.values(figures)) {
        if (typeof figure === 'number') expect(Number.isFinite(figure)).toBe(true);
      }
    }
    expect(second).not.toEqual(first);
    await unet.release();
  });
});

const editing = methodIds.filter((id) => findMethod(id).uses === 'weights');

describe.each(editing)('an edit of %s', (id) => {
  it('changes every tensor of its set, to finite values, and the same ones again', async () => {
    const method = findMethod(id);
    if (method.uses !== 'weights') throw new Error(`${id} trains`);
    const checkpoint = await openCheckpoint(tinySd);
    onTestFinished(() => checkpoint.file.close());
    const forget = new Map([['a star in the style of Pontilla', 'a star']]);
    const retain = ['a blue moon'];
    const texts = ['', ...forget.keys(), ...forget.values(), ...retain];
    const { prompts: encoded } = await checkpoint.condition.encode(texts, {
      ...{ device: 'cpu', threads: 1 },
    });
    const edits = [1, 2].map(() =>
      method.solve({
        ...{ settings: defaultSettings({ method: id, ...usualModel }), checkpoint, threads: 1 },
        prompts: { forget, retain, encoded },
      }),
    );
    const [edit, again] = await Promise.all(edits);
    for (const name of trainedNames(checkpoint.file.tensors.keys(), method.train)) {
      const { shape } = checkpoint.file.tensors.get(name)!;
      const weights = await checkpoint.file.readFloat32(name);
      const changed = await edit!.apply(weights.slice(), shape);
      expect(changed).not.toEqual(weights);
      expect(changed.every(Number.isFinite), name).toBe(true);
      expect(await again!.apply(weights.slice(), shape)).toEqual(changed);
    }
    await edit!.release();
    await again!.release();
  });
});

function copyOf(set: TensorSet): TensorSet {
  const copy = new TensorSet();
  for (const [name, tensor] of set.entries()) {
    copy.put(name, floatTensor(floatData(tensor).slice(), tensor.dims));
  }
  return copy;
}
