import { beforeAll, describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import type { UnetHeads } from '../../src/families/stable-diffusion/layout/unet-layout.ts';
import { buildUnet } from '../../src/families/stable-diffusion/unet.ts';
import { externalWeights } from '../../src/models/weights.ts';
import { timestepEmbedding } from '../../src/diffusion/timestep-embedding.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { dimAt } from '../../src/onnx/shape.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor, type Tensor } from '../../src/runtime/tensor.ts';
import { readModelReference, type ModelReference } from '../helpers/model-reference.ts';
import { maxAbs, relativeError } from '../helpers/relative-error.ts';

const variants: readonly [name: string, heads: UnetHeads, inputs: readonly string[]][] = [
  ['unet-tiny', { numHeads: 8 }, ['in.x', 'in.context']],
  ['unet-tiny-v2', { numHeadChannels: 16 }, ['in.x', 'in.context']],
  ['unet-tiny-xl', { numHeadChannels: 16 }, ['in.x', 'in.context', 'in.y']],
];

/** The UNet of a reference with all its weights as inputs of the graph. */
function emitUnet(reference: ModelReference, heads: UnetHeads) {
  const { source } = reference;
  const g = new GraphBuilder(reference.name);
  const names = [...source.tensors.keys()];
  const use = { trained: new Set(names), computeType: 'float32' } as const;
  const weights = externalWeights(g, source.tensors, () => source.path, use);
  const input = (name: string) => g.input(name, 'float32', reference.shape(name));
  const config = deriveUnetConfig(source, heads);
  const [batch = 1] = reference.shape('in.timesteps');
  const operands = {
    sample: input('in.x'),
    timestepEmbedding: g.input('timestepEmbedding', 'float32', [batch, config.modelChannels]),
    context: input('in.context'),
    ...(config.admInChannels !== null && { y: input('in.y') }),
  };
  const prediction = buildUnet(g, weights, config, operands);
  return { g, names, weights, operands, prediction };
}

function feedsOf(reference: ModelReference, g: GraphBuilder): Record<string, Tensor> {
  return Object.fromEntries(
    g.graph.inputs.map(({ name, shape }) => {
      const data =
        name === 'timestepEmbedding'
          ? timestepEmbedding([...reference.tensor('in.timesteps')], dimAt(shape, 1))
          : (reference.weights.get(name) ?? reference.tensor(name));
      return [name, floatTensor(data, shape)];
    }),
  );
}

async function runGraph(reference: ModelReference, g: GraphBuilder) {
  const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  try {
    return await session.run(feedsOf(reference, g));
  } finally {
    await session.release();
  }
}

describe.each(variants)('%s as PyTorch computes it', (name, heads, inputNames) => {
  let reference: ModelReference;
  let results: Record<string, Tensor>;
  let parameterNames: string[];
  const result = (output: string) => floatData(results[output]!);

  beforeAll(async () => {
    reference = readModelReference(name);
    const { g, names, weights, operands, prediction } = emitUnet(reference, heads);
    const error = g.sub(prediction, g.input('target', 'float32', prediction.shape));
    const loss = g.reduceMean(g.mul(error, error), [0, 1, 2, 3], false);
    const inputs = Object.values(operands).filter((value) => inputNames.includes(value.name));
    const parameters = [...names.map((weight) => weights.get(weight)), ...inputs];
    parameterNames = parameters.map((value) => value.name);
    const grads = gradients(g, loss, parameters);
    g.output('prediction', prediction);
    g.output('loss', loss);
    grads.forEach((grad, i) => {
      g.output(`grad.${parameterNames[i]!}`, grad);
    });
    results = await runGraph(reference, g);
  }, 60_000);

  it('predicts the same', () => {
    expect(relativeError(result('prediction'), reference.tensor('out.eps'))).toBeLessThan(1e-5);
  });

  it('has the same loss', () => {
    expect(relativeError(result('loss'), reference.tensor('out.loss'))).toBeLessThan(1e-5);
  });

  it('has the same gradient of every weight and every input', () => {
    // Before a normalisation over single channels a bias has no effect: where the largest element is
    // below this floor the true gradient is 0 and both sides hold rounding alone.
    const largest = Math.max(...parameterNames.map((key) => maxAbs(reference.gradient(key))));
    const floor = 1e-4 * largest;
    const errors = parameterNames.map((key) => {
      const expected = reference.gradient(key);
      const error = relativeError(result(`grad.${key}`), expected, floor);
      return { key, error, bar: maxAbs(expected) > floor ? 2e-4 : 1e-3 };
    });
    expect(errors).toHaveLength(reference.weights.size + inputNames.length);
    expect(errors.filter(({ error, bar }) => !(error < bar))).toEqual([]);
  });
});

describe('a UNet', () => {
  const reference = readModelReference('unet-tiny');
  const config = deriveUnetConfig(reference.source, { numHeads: 8 });

  it('takes a context of several chunks of tokens', () => {
    const { g, weights, operands } = emitUnet(reference, { numHeads: 8 });
    const context = g.input('long', 'float32', [2, 3 * 77, config.contextDim]);
    const prediction = buildUnet(g, weights, config, { ...operands, context });
    expect(prediction.shape).toEqual(operands.sample.shape);
  });

  it('refuses a condition that it does not know', () => {
    const { g, weights, operands } = emitUnet(reference, { numHeads: 8 });
    expect(() => buildUnet(g, weights, config, { ...operands, y: operands.context })).toThrow(
      'takes no added condition',
    );
  });
});
