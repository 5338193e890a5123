import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { ANYTHING } from '../../src/families/class-prompts.ts';
import { requireEncoded } from '../../src/families/encoded-prompt.ts';
import type { ParameterGroup } from '../../src/families/family.ts';
import { families } from '../../src/families/registry.ts';
import { writeScrubbedModel } from '../../src/families/scrubbed-model.ts';
import { trainSets } from '../../src/methods/settings-fields.ts';
import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { drawPictures } from '../../src/pipeline/text-to-image.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { floatData } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { writeDiffusersReference } from '../helpers/diffusers-reference.ts';
import { copyPixelModel } from '../helpers/pixel-models.ts';

// What every registered family keeps. A new family gives a tiny checkpoint of each of its versions.

interface Example {
  readonly write: (place: string) => Promise<string>;
  /** What it can be asked for. */
  readonly asked: string;
  /** Tensors that are a part of it, and no model. */
  readonly part: RegExp;
  /** Sets of parameters that it has none of. */
  readonly lacks: readonly ParameterGroup[];
}

const examples: Readonly<Record<string, readonly Example[]>> = {
  'stable-diffusion': (['tiny', 'tiny-v2', 'tiny-xl'] as const).map((model) => ({
    write: (place) => writeDiffusersReference(path.join(place, model), model),
    ...{ asked: 'a cat', part: /^model\.diffusion_model\./, lacks: [] },
  })),
  ddpm: (['grey', 'classes', 'timestep', 'celebahq'] as const).map((model) => ({
    write: (place) => Promise.resolve(copyPixelModel(path.join(place, model), model)),
    asked: model === 'classes' || model === 'timestep' ? 'class 3' : ANYTHING,
    part: /^down_blocks\./,
    lacks: ['xattn', 'xattn-strict'],
  })),
};
const size = 32;
const run = { device: 'cpu', threads: 1 } as const;

it('every family has examples', () => {
  expect(Object.keys(examples).sort()).toEqual(families.map(({ id }) => id).sort());
});

describe.each(
  families.flatMap((family) =>
    (examples[family.id] ?? []).map((example, i) => ({ family, i, ...example })),
  ),
)('example $i of $family.id', ({ family, write, asked, part, lacks }) => {
  const prompts = [asked, ''];
  let place: string;
  let model: string;
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    place = mkdtempSync(path.join(tmpdir(), 'erase-concept-family-'));
    model = await write(place);
    checkpoint = await openCheckpoint(model);
    return async () => {
      await checkpoint.file.close();
      rmSync(place, { recursive: true });
    };
  });

  const shapeFor = (tokens: number) => {
    const cells = size / checkpoint.codec.scale;
    return { batch: 1, latentHeight: cells, latentWidth: cells, contextTokens: tokens };
  };

  it('is recognised by its own family alone, which a part of it is not', async () => {
    const { tensors } = checkpoint.file;
    const matching = families.filter((other) => other.recognise(tensors) !== null);
    expect(matching.map(({ id }) => id)).toEqual([family.id]);
    const holding = [];
    for (const other of families) if (await other.files.holdsFolder(model)) holding.push(other);
    expect(holding[0]).toBe(family);
    const others = new Map([...tensors].filter(([name]) => part.test(name)));
    expect(family.recognise(others)).toBeNull();
  });

  it('has facts that fit each other', () => {
    const { facts, file, denoiser, groups } = checkpoint;
    expect(facts.refusal).toBeNull();
    expect(facts.nativeSize % facts.sizeStep).toBe(0);
    expect(facts.sizeStep % checkpoint.codec.scale).toBe(0);
    expect(facts.tensors.filter((name) => !file.tensors.has(name))).toEqual([]);
    const all = groups.namesOf('full');
    expect(all).toEqual(
      [...file.tensors.keys()].filter((name) => name.startsWith(denoiser.prefix)),
    );
    for (const group of trainSets satisfies readonly ParameterGroup[]) {
      const names = groups.namesOf(group);
      expect(names.length > 0, group).toBe(!lacks.includes(group));
      expect(names.filter((name) => !all.includes(name))).toEqual([]);
    }
  });

  it('makes contexts of one length, and a meaningless one of the same', async () => {
    const { condition } = checkpoint;
    const encoded = await condition.encode(prompts, run);
    const all = [...encoded.prompts.values(), condition.blank(encoded.tokens)];
    all.push(condition.unconditional(encoded.prompts));
    const lengths = all.map(({ context, pooled }) => [context.length, pooled?.length]);
    expect(lengths[0]![0]).toBe(encoded.tokens * condition.width);
    for (const length of lengths) expect(length).toEqual(lengths[0]);
    const whole = await condition.pool(prompts, run);
    for (const vector of whole.values()) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  });

  it('has a process whose noise can be found again', () => {
    const { process } = checkpoint;
    const generator = createGenerator(1);
    const batch = { x0: generator.randn(8), noise: generator.randn(8), timesteps: [3, 700] };
    const noisyLatents = process.noise(batch);
    const { x0, timesteps } = batch;
    const found = process.noiseBetween({ x0, noisyLatents, timesteps });
    // Little noise in much picture is found less exactly.
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(batch.noise[i]!, 3);
    });
    expect(process.target(batch)).toHaveLength(8);
  });

  it('draws pictures, which its codec takes back', async () => {
    const requests = [{ prompt: asked, negativePrompt: '', seed: 5 }];
    const settings = { width: size, height: size, steps: 1, guidanceScale: 2, batch: 1, ...run };
    await drawPictures(checkpoint, requests, { ...settings, sampler: 'DDIM' }, async (image) => {
      expect([image.width, image.height]).toEqual([size, size]);
      const encoder = await checkpoint.codec.openEncoder({ width: size, height: size, ...run });
      const latents = await encoder.encode(image, (count) => new Float32Array(count));
      await encoder.release();
      expect(latents).toHaveLength(elementCount(checkpoint.denoiser.latentShape(shapeFor(0))));
      expect(latents.every(Number.isFinite)).toBe(true);
    });
    expect.assertions(3);
  });

  it('trains a step, and is written with all else as it was', async () => {
    const { file, groups, process, condition } = checkpoint;
    const trained = groups.namesOf('selfattn');
    const encoded = await condition.encode(prompts, run);
    const shape = shapeFor(encoded.tokens);
    const adaptation = fitFullWeights(checkpoint, trained);
    const unet = await UnetSession.create(checkpoint, { shape, adaptation, ...run });
    const parameters = await adaptation.initial();
    const [into, generator] = [new TensorSet(), createGenerator(2)];
    const count = elementCount(unet.latentShape);
    const batch = { x0: generator.randn(count), noise: generator.randn(count), timesteps: [500] };
    const rows = {
      ...{ noisyLatents: process.noise(batch), timesteps: batch.timesteps },
      prompts: [requireEncoded(encoded.prompts, asked)],
    };
    const target = unet.target(process.target(batch));
    const before = await unet.gradient(parameters, rows, { target, into });
    const stepped = new Map(
      trained.map((name) => {
        const gradient = floatData(into.get(name));
        // Of one length for all, so that half precision does not round it away.
        const stepOf = (i: number) => 2e-3 * Math.sign(gradient[i]!);
        return [name, floatData(parameters.get(name)).map((x, i) => x - stepOf(i))];
      }),
    );
    // What nothing depends on stays: the key of a lone pixel.
    const moved = trained.filter((name) => floatData(into.get(name)).some((value) => value !== 0));
    for (const [name, values] of stepped) floatData(parameters.get(name)).set(values);
    expect(await unet.loss(parameters, rows, target)).toBeLessThan(before);
    await unet.release();

    const outputPath = path.join(place, 'written');
    const replaced = new Map([...stepped].map(([name, x]) => [name, () => Promise.resolve(x)]));
    await writeScrubbedModel({ source: file, outputPath, replaced, metadata: {} });
    const written = await openCheckpoint(outputPath);
    for (const name of file.tensors.keys()) {
      const bytes = await Promise.all([file, written.file].map((of) => of.readTensor(name)));
      const isSame = Buffer.compare(bytes[0]!, bytes[1]!) === 0;
      expect(isSame, name).toBe(!moved.includes(name));
    }
    await written.file.close();
  });
});
