import { describe, expect, it } from 'vitest';
import {
  type ClipTextConfig,
  deriveClipTextConfig,
} from '../../src/families/stable-diffusion/layout/clip-text-layout.ts';
import { buildClipText } from '../../src/families/stable-diffusion/clip-text.ts';
import { externalWeights } from '../../src/models/weights.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Value } from '../../src/onnx/graph.ts';
import type { Shape } from '../../src/tensor/shape.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor, intTensor } from '../../src/runtime/tensor.ts';
import { readModelReference, tensorTable } from '../helpers/model-reference.ts';
import { relativeError } from '../helpers/relative-error.ts';

const prefix = 'cond_stage_model.transformer.text_model.';
const tableName = `${prefix}embeddings.token_embedding.weight`;
const reference = readModelReference('clip-tiny');
const config = deriveClipTextConfig(
  reference.source,
  { layout: 'transformers', keyPrefix: prefix },
  { hiddenSize: 64, heads: 4, activation: 'quick_gelu', layerNormEps: 1e-5 },
);

interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}
type Tensors = ReadonlyMap<string, Tensor>;

/** The reference's weights; of the token table only the rows that its prompts use are not 0. */
function referenceTensors(): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape }] of reference.source.tensors) {
    const data = reference.weights.get(name);
    if (data && !name.endsWith('position_ids')) tensors.set(name, { shape, data });
  }
  const { vocabSize, hiddenSize } = config;
  const table = new Float32Array(vocabSize * hiddenSize);
  const rows = reference.tensor(tableName);
  reference.tensor('token_ids').forEach((id, i) => {
    table.set(rows.subarray(i * hiddenSize, (i + 1) * hiddenSize), id * hiddenSize);
  });
  return tensors.set(tableName, { shape: [vocabSize, hiddenSize], data: table });
}

/** The same weights under open_clip's names, queries, keys and values in one tensor. */
function openClipTensors(): Map<string, Tensor> {
  const tensors = referenceTensors();
  const renamed = new Map<string, Tensor>();
  const names: readonly (readonly [RegExp, string])[] = [
    [/^embeddings\.token_embedding/, 'token_embedding'],
    [/^embeddings\.position_embedding\.weight/, 'positional_embedding'],
    [/^encoder\.layers/, 'transformer.resblocks'],
    [/layer_norm(?=\d)/, 'ln_'],
    [/self_attn\.out_proj/, 'attn.out_proj'],
    [/mlp\.fc1/, 'mlp.c_fc'],
    [/mlp\.fc2/, 'mlp.c_proj'],
    [/^final_layer_norm/, 'ln_final'],
  ];
  for (const [key, tensor] of tensors) {
    const name = key.slice(prefix.length);
    if (/\.[kv]_proj/.test(name)) continue;
    if (name.includes('.q_proj')) {
      const parts = ['q', 'k', 'v'].map((part) =>
        tensors.get(key.replace('q_proj', `${part}_proj`))!,
      );
      const data = Float32Array.from(parts.flatMap((part) => Array.from(part.data)));
      const shape = [3 * tensor.shape[0]!, ...tensor.shape.slice(1)];
      const fused = name.replace('self_attn.q_proj.', 'attn.in_proj_');
      renamed.set(fused.replace('encoder.layers', 'transformer.resblocks'), { shape, data });
    } else {
      renamed.set(
        names.reduce((text, [pattern, word]) => text.replace(pattern, word), name),
        tensor,
      );
    }
  }
  return renamed;
}

/** What `build` asks of the text encoder for the reference's prompts. */
async function encode(
  tensors: Tensors,
  encoder: ClipTextConfig,
  build: (text: ReturnType<typeof buildClipText>) => Value,
  idsName = 'in.ids',
): Promise<Float32Array> {
  const g = new GraphBuilder('clip');
  const ids = g.input('ids', 'int64', reference.shape(idsName));
  const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
  const use = { trained: new Set(tensors.keys()), computeType: 'float32' } as const;
  const weights = externalWeights(g, tensorTable(shapes), () => 'clip.safetensors', use);
  g.output('result', build(buildClipText(g, weights, encoder, ids)));
  const feeds = g.graph.inputs.map(({ name, shape }) => {
    const data = tensors.get(name)?.data;
    const tensor = data ? floatTensor(data, shape) : intTensor(reference.tensor(idsName), shape);
    return [name, tensor] as const;
  });
  const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  const { result } = await session.run(Object.fromEntries(feeds));
  await session.release();
  return floatData(result!);
}

const openClip: ClipTextConfig = { ...config, layout: 'openclip', keyPrefix: '' };

describe.each([
  ['transformers', config, referenceTensors()],
  ['open_clip', openClip, openClipTensors()],
] as const)('a CLIP text encoder named as by %s', (_, encoder, tensors) => {
  it('gives the last hidden states, however prompts are padded', async () => {
    for (const suffix of ['', '_zero_padded']) {
      const hidden = await encode(
        tensors,
        encoder,
        (text) => text.hidden(1, true),
        `in.ids${suffix}`,
      );
      const expected = reference.tensor(`out.last_hidden_state${suffix}`);
      expect(relativeError(hidden, expected)).toBeLessThan(1e-5);
    }
  });

  it('skips the last layer, with and without the final norm', async () => {
    const normalized = await encode(tensors, encoder, (text) => text.hidden(2, true));
    expect(relativeError(normalized, reference.tensor('out.clip_skip2'))).toBeLessThan(1e-5);
    const raw = await encode(tensors, encoder, (text) => text.hidden(2, false));
    expect(relativeError(raw, reference.tensor('out.penultimate_raw'))).toBeLessThan(1e-5);
  });

  it('needs no layer that is skipped', async () => {
    const stored = new Map([...tensors].filter(([name]) => !/(layers|resblocks)\.2\./.test(name)));
    const short = { ...encoder, storedLayers: 2 };
    const normalized = await encode(stored, short, (text) => text.hidden(2, true));
    expect(relativeError(normalized, reference.tensor('out.clip_skip2'))).toBeLessThan(1e-5);
  });

  it('gives the embeddings where every layer is skipped', async () => {
    const embeddings = await encode(tensors, encoder, (text) => text.hidden(4, false));
    expect(relativeError(embeddings, reference.tensor('out.hidden0_embeddings'))).toBeLessThan(
      1e-6,
    );
  });

  it('pools the state at the first end token', async () => {
    for (const ids of ['in.ids', 'in.ids_zero_padded']) {
      const pooled = await encode(
        tensors,
        encoder,
        (text) => text.pooled(config.vocabSize - 1),
        ids,
      );
      expect(relativeError(pooled, reference.tensor('out.pooled'))).toBeLessThan(1e-5);
    }
  });
});

describe('a CLIP text encoder', () => {
  it('projects the pooled state where the checkpoint has a projection', async () => {
    const { hiddenSize } = config;
    const doubling = new Float32Array(hiddenSize * hiddenSize);
    for (let i = 0; i < hiddenSize; i++) doubling[i * hiddenSize + i] = 2;
    const projection = { shape: [hiddenSize, hiddenSize], data: doubling };
    const tensors = openClipTensors().set('text_projection', projection);
    const encoder = { ...openClip, projection: hiddenSize };
    const pooled = await encode(tensors, encoder, (text) => text.pooled(config.vocabSize - 1));
    const expected = reference.tensor('out.pooled').map((element) => 2 * element);
    expect(relativeError(pooled, expected)).toBeLessThan(1e-5);
  });

  it('emits no layer that was not asked for', () => {
    const g = new GraphBuilder('clip');
    const use = { trained: new Set<string>(), computeType: 'float32' } as const;
    const weights = externalWeights(g, reference.source.tensors, () => 'clip.safetensors', use);
    const text = buildClipText(g, weights, config, g.input('ids', 'int64', [1, 77]));
    text.hidden(2, false);
    expect([...g.graph.initializers.keys()].some(({ name }) => name.includes('layers.2.'))).toBe(
      false,
    );
    const count = g.graph.nodes.length;
    text.hidden(2, false);
    expect(g.graph.nodes).toHaveLength(count);
  });

  it('refuses to skip more layers than it has, and prompts that are too long', () => {
    const g = new GraphBuilder('clip');
    const use = { trained: new Set<string>(), computeType: 'float32' } as const;
    const weights = externalWeights(g, reference.source.tensors, () => 'clip.safetensors', use);
    const text = buildClipText(g, weights, config, g.input('ids', 'int64', [1, 77]));
    expect(() => text.hidden(5, true)).toThrow('clip skip 5: the text encoder has 3 layers');
    const short = { ...config, storedLayers: 2 };
    const without = buildClipText(g, weights, short, g.input('short', 'int64', [1, 77]));
    expect(() => without.hidden(1, true)).toThrow('the file the first 2, so 2 to 4 fit');
    const long = buildClipText(g, weights, config, g.input('long', 'int64', [1, 154]));
    expect(() => long.hidden(1, true)).toThrow('a text encoder for 77 tokens got 154');
  });
});
