import { fitFullWeights } from '../../src/adapters/full-weights.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { gradients } from '../../src/autodiff/backward.ts';
import { openCheckpoint } from '../../src/families/checkpoint.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import {
  type UnetHeads,
  unetShapes,
} from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { timestepEmbedding } from '../../src/diffusion/timestep-embedding.ts';
import { buildUnet } from '../../src/families/stable-diffusion/unet.ts';
import { externalWeights } from '../../src/models/weights.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { readParameters } from '../../src/families/read-parameters.ts';
import { UnetSession } from '../../src/pipeline/unet-session.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { TensorSet } from '../../src/runtime/tensor-set.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { encodedPrompts } from '../helpers/encoded-prompts.ts';
import {
  type Naming,
  type PrunedUnet,
  readPrunedUnet,
  writePrunedFolder,
} from '../helpers/pruned-unets.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';
import { asStableDiffusion } from '../helpers/stable-diffusion.ts';

const fourHeads: UnetHeads = { numHeads: 4 };
const wideHeads: UnetHeads = { numHeadChannels: 16 };

/** What diffusers calls the gradient of a weight, in two numbers. */
function requireGradients(
  weights: ReturnType<PrunedUnet['weights']>,
  gradientOf: (name: string) => Float32Array,
): void {
  const largest = Math.max(...weights.map(({ gradientNorm }) => gradientNorm));
  const wrong = weights.flatMap(({ name, values, gradientNorm, gradientTimesWeight }) => {
    const gradient = gradientOf(name);
    const norm = Math.hypot(...gradient);
    const product = gradient.reduce((sum, value, i) => sum + value * values[i]!, 0);
    // A bias before a normalisation has none: what is there is rounding.
    const bar = 2e-4 * Math.max(gradientNorm, 1e-3 * largest);
    const isRight =
      Math.abs(norm - gradientNorm) < bar &&
      Math.abs(product - gradientTimesWeight) < bar * Math.hypot(...values);
    return isRight ? [] : [{ name, norm, gradientNorm, product, gradientTimesWeight }];
  });
  expect(wrong).toEqual([]);
}

describe.each<[string, UnetHeads, readonly Naming[], readonly number[]]>([
  ['bk-sdm-base', fourHeads, ['consecutive', 'by-level'], [1, 1, 1, 1]],
  ['bk-sdm-small', fourHeads, ['consecutive', 'by-level'], [1, 1, 1, 1]],
  ['bk-sdm-tiny', fourHeads, ['consecutive', 'by-level'], [1, 1, 1]],
  ['ssd-1b', wideHeads, ['consecutive'], [2, 2, 2]],
  ['vega', wideHeads, ['consecutive'], [2, 2, 2]],
  ['koala-700m', wideHeads, ['consecutive'], [1, 1, 1]],
  ['koala-1b', wideHeads, ['consecutive'], [1, 1, 1]],
  ['odd-9x14', fourHeads, ['consecutive'], [1, 1, 1, 1]],
  ['odd-xl-17x11', wideHeads, ['consecutive'], [1, 1, 1]],
])('a UNet of the shape of %s in a single file', (name, heads, namings, numResBlocks) => {
  const pruned = readPrunedUnet(name);

  it.each(namings)('is read with all that it has, numbered %s', (naming) => {
    const source = pruned.source(naming);
    const config = deriveUnetConfig(source, heads);
    expect(config.numResBlocks).toEqual(numResBlocks);
    const shapes = new Map(unetShapes(config));
    expect([...shapes.keys()].sort()).toEqual([...source.tensors.keys()].sort());
    const parameters = [...shapes.values()].reduce((sum, shape) => sum + elementCount(shape), 0);
    expect(parameters).toBe(pruned.parameters);
  });

  it('predicts and has the gradients as in diffusers', async () => {
    // What the numbers are is the only difference.
    const naming = namings.at(-1)!;
    const source = pruned.source(naming);
    const weights = pruned.weights(naming);
    const config = deriveUnetConfig(source, heads);
    const g = new GraphBuilder(name);
    const names = weights.map((weight) => weight.name);
    const use = { trained: new Set(names), computeType: 'float32' } as const;
    const values = externalWeights(g, source.tensors, () => source.path, use);
    const input = (key: string) => g.input(key, 'float32', pruned.shapes[key]!);
    const prediction = buildUnet(g, values, config, {
      sample: input('sample'),
      timestepEmbedding: g.input('t', 'float32', [2, config.modelChannels]),
      context: input('context'),
      ...(config.admInChannels !== null && { y: input('y') }),
    });
    const error = g.sub(prediction, input('target'));
    const loss = g.reduceMean(g.mul(error, error), [0, 1, 2, 3], false);
    g.output('prediction', prediction);
    gradients(
      g,
      loss,
      names.map((key) => values.get(key)),
    ).forEach((gradient, i) => {
      g.output(`grad.${names[i]!}`, gradient);
    });
    const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
    onTestFinished(() => session.release());
    const drawn = new Map(weights.map((weight) => [weight.name, weight.values]));
    const embedding = timestepEmbedding(pruned.timesteps, config.modelChannels);
    const feeds = g.graph.inputs.map(({ name: key, shape }): [string, Tensor] => [
      key,
      floatTensor(drawn.get(key) ?? (key === 't' ? embedding : pruned.tensor(key)), shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds));
    const found = floatData(results.prediction!);
    expect(relativeError(found, pruned.tensor('prediction'))).toBeLessThan(1e-4);
    requireGradients(weights, (weight) => floatData(results[`grad.${weight}`]!));
  }, 60_000);
});

describe.each(['bk-sdm-base', 'bk-sdm-small', 'bk-sdm-tiny'])(
  'a diffusers folder of %s',
  (name) => {
    const pruned = readPrunedUnet(name);

    it('predicts and is trained as in diffusers', async () => {
      const checkpoint = await openCheckpoint(
        await writePrunedFolder(path.join(makeTemporaryFolder(), name), pruned),
      );
      onTestFinished(() => checkpoint.file.close());
      expect(asStableDiffusion(checkpoint).architecture.refusal).toBeNull();
      const weights = pruned.weights('consecutive');
      const trained = weights.map((weight) => weight.name);
      const shape = { batch: 2, latentHeight: 16, latentWidth: 16, contextTokens: 7 };
      const settings = {
        shape,
        adaptation: fitFullWeights(checkpoint, trained),
        device: 'cpu',
        threads: 1,
      } as const;
      const unet = await UnetSession.create(checkpoint, settings);
      onTestFinished(() => unet.release());
      const batch = {
        noisyLatents: pruned.tensor('sample'),
        timesteps: pruned.timesteps,
        prompts: encodedPrompts(pruned.tensor('context'), 2),
      };
      const parameters = await readParameters(checkpoint, trained);
      const prediction = floatData(await unet.predict(parameters, batch));
      expect(relativeError(prediction, pruned.tensor('prediction'))).toBeLessThan(1e-4);
      const into = TensorSet.zeros(
        weights.map(({ name: key, shape: dims }) => ({ name: key, shape: dims })),
      );
      await unet.gradient(parameters, batch, {
        target: unet.target(pruned.tensor('target')),
        into,
      });
      requireGradients(weights, (key) => floatData(into.get(key)));
    }, 60_000);
  },
);

describe('a diffusers folder whose weights are not those of its config', () => {
  it.each([
    [
      'bk-sdm-base',
      { mid_block_type: null },
      /has "mid_block\.\w+\.0", which its config\.json does not name/,
    ],
    [
      'bk-sdm-small',
      { mid_block_type: 'UNetMidBlock2DCrossAttn' },
      /lacks the tensors of "mid_block\.resnets\.0"/,
    ],
    ['bk-sdm-small', { layers_per_block: 2 }, /lacks the tensors of "down_blocks\.0\.resnets\.1"/],
  ])('is refused: %s with %o', async (name, changes, message) => {
    const folder = await writePrunedFolder(
      path.join(makeTemporaryFolder(), name),
      readPrunedUnet(name),
    );
    const file = path.join(folder, 'unet/config.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...config, ...changes }));
    await expect(openCheckpoint(folder)).rejects.toThrow(message);
  });
});
