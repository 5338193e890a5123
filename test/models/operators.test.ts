import { describe, expect, it } from 'vitest';
import { vjpRules } from '../../src/autodiff/rules/index.ts';
import { deriveClipTextConfig } from '../../src/families/stable-diffusion/layout/clip-text-layout.ts';
import type { TensorSource } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import { deriveUnetConfig } from '../../src/families/stable-diffusion/layout/derive-unet.ts';
import { deriveVaeConfig } from '../../src/families/stable-diffusion/layout/vae-layout.ts';
import { buildClipText } from '../../src/families/stable-diffusion/clip-text.ts';
import { buildUnet } from '../../src/families/stable-diffusion/unet.ts';
import { buildVaeDecoder, buildVaeEncoder } from '../../src/families/stable-diffusion/vae.ts';
import { externalWeights } from '../../src/models/weights.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { readGoldenJson } from '../helpers/golden-tensors.ts';
import { tensorTable } from '../helpers/model-reference.ts';

/** Operators without a gradient rule, and why they need none. */
const notDifferentiated: Readonly<Record<string, string>> = {
  Max: 'finds the first end token among token ids, which are whole numbers',
};

/** What WebGPU takes (measured; `session.disable_cpu_ep_fallback` fails on any other). */
const onGpu = new Set(
  `Abs Add AveragePool Cast Clip Concat Conv ConvTranspose Cos Div Einsum Erf Exp Expand Gather Gelu
  Gemm Greater Identity InstanceNormalization LayerNormalization Log MatMul Max Min Mul Neg Pad Pow
  Reciprocal ReduceMean ReduceSum ReduceSumSquare Reshape Resize ScatterND Sigmoid Sin Slice Softmax
  Split Sqrt Sub Tanh Transpose Where`.split(/\s+/),
);

function sourceOf(name: string): TensorSource {
  const { tensors } = readGoldenJson(`headers/${name}.json`) as { tensors: Record<string, Shape> };
  return { path: `${name}.safetensors`, tensors: tensorTable(tensors) };
}

/** The operators of every model builder. */
function emittedOperators(): Set<string> {
  const g = new GraphBuilder('models');
  const weightsOf = (source: TensorSource) => {
    const use = { trained: new Set<string>(), computeType: 'float32' } as const;
    return externalWeights(g, source.tensors, () => source.path, use);
  };
  const input = (name: string, ...shape: number[]) => g.input(name, 'float32', shape);

  const unet = sourceOf('unet-tiny-xl');
  buildUnet(g, weightsOf(unet), deriveUnetConfig(unet, { numHeadChannels: 16 }), {
    sample: input('sample', 1, 4, 16, 16),
    timestepEmbedding: input('timestepEmbedding', 1, 32),
    context: input('context', 1, 77, 96),
    y: input('y', 1, 176),
  });

  const vae = sourceOf('vae-tiny');
  const vaeConfig = deriveVaeConfig(vae, 1);
  buildVaeEncoder(g, weightsOf(vae), vaeConfig, input('image', 1, 3, 64, 64));
  // Large enough for attention in parts.
  buildVaeDecoder(g, weightsOf(vae), vaeConfig, input('latents', 1, 4, 96, 96));

  const clip = sourceOf('clip-tiny');
  const location = {
    layout: 'transformers',
    keyPrefix: 'cond_stage_model.transformer.text_model.',
  } as const;
  for (const activation of ['gelu', 'quick_gelu'] as const) {
    const settings = { hiddenSize: 64, heads: 4, activation, layerNormEps: 1e-5 };
    const config = deriveClipTextConfig(clip, location, settings);
    const ids = g.input(activation, 'int64', [1, 40]);
    buildClipText(g, weightsOf(clip), config, ids).pooled(config.vocabSize - 1);
  }
  return new Set(g.graph.nodes.map(({ opType }) => opType));
}

describe('the operators that models are made of', () => {
  const operators = [...emittedOperators()].sort();

  it('all have a gradient rule, or a reason to have none', () => {
    const open = operators.filter((name) => !vjpRules[name] && !notDifferentiated[name]);
    expect(open).toEqual([]);
    expect(operators).toEqual(expect.arrayContaining(Object.keys(notDifferentiated)));
  });

  it('all run on WebGPU', () => {
    expect(operators.filter((name) => !onGpu.has(name))).toEqual([]);
  });
});
