import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mergedTensors } from '../../src/adapters/low-rank/merged-tensors.ts';
import { putOnTop } from '../../src/adapters/low-rank/put-on-top.ts';
import { countedChanges, type Lora, readLora } from '../../src/adapters/low-rank/read-lora.ts';
import { measuringLoss, RoundingLoss } from '../../src/adapters/rounding.ts';
import { asItIs } from '../../src/adapters/full-weights.ts';
import { writeTensorFile } from '../../src/checkpoint/tensor-file.ts';
import type { AppError } from '../../src/errors.ts';
import { type Checkpoint, openCheckpoint } from '../../src/families/checkpoint.ts';
import { checkpointWeights, weightsFolder } from '../../src/families/checkpoint-weights.ts';
import { writeScrubbedModel } from '../../src/families/scrubbed-model.ts';
import { buildClipText } from '../../src/families/stable-diffusion/clip-text.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, intTensor } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { elementCount, type Shape } from '../../src/tensor/shape.ts';
import { readDiffusersReference, writeDiffusersReference } from '../helpers/diffusers-reference.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import { readGoldenJson, readGoldenTensors } from '../helpers/golden-tensors.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

/** What diffusers wrote and computed, as golden/make-lora-files.py says. */
const golden = readGoldenJson('lora-files.json') as {
  readonly seed: number;
  readonly strength: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly kohya: readonly string[];
};
const computed = readGoldenTensors('lora-files.safetensors');
const reference = readDiffusersReference();

type Tensors = Readonly<Record<string, { readonly shape: Shape; readonly values: Float32Array }>>;

/** The file as diffusers wrote it. */
function ofDiffusers(): Tensors {
  const generator = createGenerator(golden.seed);
  const entries = Object.entries(golden.shapes).map(([name, shape]) => {
    const values = generator.randn(elementCount(shape)).map((value) => 0.1 * value);
    return [name, { shape, values }] as const;
  });
  return Object.fromEntries(entries);
}

/** The same under other names, with alphas where there are to be any. */
function renamed(name: (key: string) => string, alphas?: readonly [unet: number, text: number]) {
  const tensors: Record<string, Tensors[string]> = {};
  for (const [key, tensor] of Object.entries(ofDiffusers())) {
    const named = name(key);
    tensors[named] = tensor;
    if (!alphas) continue;
    const layer = named.replace(/\.[^.]*\.weight$|\.lora\.\w+\.weight$/, '');
    const value = alphas[key.startsWith('unet.') ? 0 : 1];
    tensors[`${layer}.alpha`] = { shape: [], values: Float32Array.of(value) };
  }
  return tensors;
}

function kohyaName(key: string): string {
  const [, part, layer = '', which] = /^(\w+)\.(.+)\.lora_([AB])\.weight$/.exec(key)!;
  const start = part === 'unet' ? 'lora_unet' : 'lora_te_text_model';
  const end = which === 'A' ? 'lora_down' : 'lora_up';
  return `${start}_${layer.replaceAll('.', '_')}.${end}.weight`;
}

/** As diffusers named the layers that it knew in 2023. */
function oldName(key: string): string {
  const half = key.includes('.lora_A.') ? 'down' : 'up';
  const layer = key.replace(/\.lora_[AB]\.weight$/, '');
  const attention = /^(unet\..*\.attn\d)\.(to_\w+?)(?:\.0)?$/.exec(layer);
  if (attention) return `${attention[1]!}.processor.${attention[2]!}_lora.${half}.weight`;
  if (layer.startsWith('text_encoder.')) {
    const inside = layer.replace('text_encoder.', 'text_encoder.text_model.');
    return `${inside}.lora_linear_layer.${half}.weight`;
  }
  return `${layer}.lora.${half}.weight`;
}

/** The same change where nothing says how often it counts, which is once. */
function withoutAlphas(tensors: Tensors): Tensors {
  const entries = Object.entries(tensors).map(([name, { shape, values }]) => {
    const scale = name.startsWith('unet.') ? 3 / 2 : 4 / 2;
    const isUp = name.endsWith('.up.weight');
    return [name, { shape, values: isUp ? values.map((value) => scale * value) : values }] as const;
  });
  return Object.fromEntries(entries);
}

async function openReference(): Promise<Checkpoint> {
  const folder = await writeDiffusersReference(path.join(makeTemporaryFolder(), 'tiny'));
  return open(folder);
}

async function open(model: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(model);
  onTestFinished(() => checkpoint.file.close());
  return checkpoint;
}

async function write(tensors: Tensors, metadata: Readonly<Record<string, string>> = {}) {
  const file = path.join(makeTemporaryFolder(), 'some lora.safetensors');
  const entries = Object.entries(tensors).map(([name, { shape, values }]) => ({
    ...{ name, shape },
    elements: () => Promise.resolve(values),
  }));
  await writeTensorFile(file, entries, metadata);
  return file;
}

async function predict(checkpoint: Checkpoint): Promise<Float32Array> {
  const [batch = 1, , latentHeight = 1, latentWidth = 1] = reference.shape('sample');
  const unet = await UnetSession.create(checkpoint, {
    shape: { batch, latentHeight, latentWidth, contextTokens: 77 },
    ...{ adaptation: asItIs(checkpoint), device: 'cpu', threads: 1 },
  });
  const prediction = await unet.predict(new TensorSet(), {
    noisyLatents: reference.tensor('sample'),
    timesteps: [...reference.tensor('timesteps')],
    prompts: encodedPrompts(reference.tensor('context'), batch),
  });
  await unet.release();
  return floatData(prediction);
}

async function encode(checkpoint: Checkpoint): Promise<Float32Array> {
  const g = new GraphBuilder('text');
  const shape = reference.shape('ids');
  const [config] = asStableDiffusion(checkpoint).architecture.textEncoders;
  const ids = g.input('ids', 'int64', shape);
  g.output(
    'hidden',
    buildClipText(g, checkpointWeights(g, checkpoint), config!, ids).hidden(1, true),
  );
  const session = await GraphSession.create(g.graph, {
    ...{ device: 'cpu', threads: 1, weightsFolder: weightsFolder(checkpoint) },
  });
  const { hidden } = await session.run({ ids: intTensor([...reference.tensor('ids')], shape) });
  await session.release();
  return floatData(hidden!);
}

const merge = async (checkpoint: Checkpoint, lora: Lora, strength: number) => {
  const rounding = new RoundingLoss();
  const outputPath = path.join(makeTemporaryFolder(), 'merged');
  await writeScrubbedModel({
    ...{ source: checkpoint.file, outputPath, metadata: { merged: 'yes' } },
    replaced: measuringLoss(
      mergedTensors(checkpoint, countedChanges(lora, strength)),
      checkpoint.file,
      rounding,
    ),
  });
  return { merged: await open(outputPath), rounding };
};

describe('a LoRA file', () => {
  it.each([
    ['of diffusers', ofDiffusers(), golden.metadata],
    ["of kohya's trainers", renamed(kohyaName, [3, 4]), {}],
    ['of diffusers in 2023, without alphas', withoutAlphas(renamed(oldName)), {}],
    [
      'of peft, with an adapter name',
      renamed((key) => `base_model.model.${key.replace('.weight', '.default.weight')}`),
      golden.metadata,
    ],
  ])('%s merges to what diffusers computes', async (_, tensors, metadata) => {
    const checkpoint = await openReference();
    const lora = await readLora(await write(tensors, metadata), checkpoint);
    expect(lora.changes).toHaveLength(Object.keys(golden.shapes).length / 2);
    const { merged, rounding } = await merge(checkpoint, lora, golden.strength);
    const expected = Float32Array.from(computed('prediction'));
    expect(relativeError(await predict(merged), expected)).toBeLessThan(1e-4);
    expect(relativeError(await encode(merged), Float32Array.from(computed('hidden')))).toBeLessThan(
      1e-4,
    );
    expect(relativeError(await predict(checkpoint), expected)).toBeGreaterThan(1e-2);
    expect(rounding.share).toBeLessThan(1e-5);
  });

  it('of peft counts layers as often as its settings say of them', async () => {
    const checkpoint = await openReference();
    const settings = {
      ...(JSON.parse(golden.metadata.lora_adapter_metadata!) as object),
      'unet.alpha_pattern': { 'attn2.to_k': 6 },
      'text_encoder.use_rslora': true,
    };
    const metadata = { lora_adapter_metadata: JSON.stringify(settings) };
    const { changes } = await readLora(await write(ofDiffusers(), metadata), checkpoint);
    for (const { tensor, part, factors } of changes) {
      const ofUnet = tensor.includes('attn2.to_k') ? 3 : 1.5;
      const scale = part === 'denoiser' ? ofUnet : 4 / Math.sqrt(2);
      expect(factors.scale, tensor).toBeCloseTo(scale, 6);
    }
  });

  it.each(['', '{"lora_alpha": 16', '[16]', 'null'])(
    'of peft whose settings are %j is refused, one of kohya beside them is not',
    async (settings) => {
      const checkpoint = await openReference();
      const besides = async (tensors: Tensors) => {
        const file = await write(tensors);
        writeFileSync(path.join(path.dirname(file), 'adapter_config.json'), settings);
        return readLora(file, checkpoint);
      };
      await expect(besides(ofDiffusers())).rejects.toThrow(
        /"some lora\.safetensors": "adapter_config\.json" beside it.* is no JSON object/,
      );
      expect((await besides(renamed(kohyaName, [3, 4]))).changes).not.toHaveLength(0);
      const metadata = { lora_adapter_metadata: settings };
      await expect(readLora(await write(ofDiffusers(), metadata), checkpoint)).rejects.toThrow(
        /its metadata "lora_adapter_metadata".* is no JSON object/,
      );
    },
  );

  it('on top of the model draws as in its weights, also in several parts, its words too', async () => {
    const checkpoint = await openReference();
    const lora = await readLora(await write(ofDiffusers(), golden.metadata), checkpoint);
    const half = putOnTop(checkpoint, lora, golden.strength / 2);
    for (const onTop of [
      putOnTop(checkpoint, lora, golden.strength),
      putOnTop(half, lora, golden.strength / 2),
    ]) {
      for (const [made, name] of [
        [await predict(onTop), 'prediction'],
        [await encode(onTop), 'hidden'],
      ] as const) {
        expect(relativeError(made, Float32Array.from(computed(name))), name).toBeLessThan(1e-4);
      }
    }
    const original = await predict(checkpoint);
    expect(relativeError(await predict(putOnTop(checkpoint, lora, 0)), original)).toBeLessThan(
      1e-6,
    );
  });
});

describe('a file that cannot be put on a model', () => {
  const [first = ''] = Object.keys(renamed(kohyaName));
  const layer = first.replace(/\.lora_down.*/, '');
  const good = () => renamed(kohyaName, [3, 4]);
  const cases: [
    what: string,
    tensors: () => Tensors,
    reason: RegExp,
    metadata?: Readonly<Record<string, string>>,
  ][] = [
    ['LoHa', () => ({ [`${layer}.hada_w1_a`]: good()[first]! }), /LoHa.*lora_down/],
    ['LoKr', () => ({ ...good(), [`${layer}.lokr_w1`]: good()[first]! }), /LoKr/],
    ['DoRA', () => ({ ...good(), [`${layer}.dora_scale`]: good()[first]! }), /DoRA/],
    ['Tucker', () => ({ ...good(), [`${layer}.lora_mid.weight`]: good()[first]! }), /Tucker/],
    ['no change', () => ({ 'some.weight': good()[first]! }), /"some\.weight".*no LoRA file/],
    [
      'unknown keys beside',
      () => ({ ...good(), emb_params: good()[first]!, string_to_param: good()[first]! }),
      /"emb_params", "string_to_param" are no part/,
    ],
    [
      'a layer of another model',
      () => ({
        ...good(),
        'lora_unet_down_blocks_9_conv.lora_down.weight': good()[first]!,
        'lora_unet_down_blocks_9_conv.lora_up.weight': good()[first]!,
      }),
      /lacks "unet_down_blocks_9_conv"/,
    ],
    [
      'half a change',
      () => Object.fromEntries(Object.entries(good()).filter(([name]) => name !== first)),
      /lacks its lora_down half/,
    ],
    [
      'other widths',
      () => ({ ...good(), [first]: { shape: [2, 8], values: new Float32Array(16) } }),
      /another kind of model/,
    ],
    [
      'an alpha of no number',
      () => ({ ...good(), [`${layer}.alpha`]: { shape: [0], values: new Float32Array(0) } }),
      /alpha" should be one number, but has the shape \[0\]/,
    ],
    [
      'another family by its own word',
      good,
      /was made for "sdxl_base_v1-0", and the model is SD 1\.x/,
      { ss_base_model_version: 'sdxl_base_v1-0' },
    ],
  ];

  it('is refused, and the fault named', async () => {
    const checkpoint = await openReference();
    for (const [what, tensors, reason, metadata = {}] of cases) {
      const file = await write(tensors(), metadata);
      const refused = await readLora(file, checkpoint).catch((error: unknown) => error as AppError);
      expect(refused, what).toMatchObject({ code: 'lora.invalid', exitStatus: 3 });
      expect((refused as AppError).message, what).toMatch(reason);
      expect((refused as AppError).message, what).toMatch(/^LoRA "some lora\.safetensors"/);
    }
  });
});
