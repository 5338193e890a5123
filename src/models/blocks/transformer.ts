import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import type { Module } from '../module.ts';
import { attention } from './attention.ts';
import { gelu } from './gelu.ts';
import { groupNorm } from './group-norm.ts';
import { layerNorm } from './layer-norm.ts';
import { linear } from './linear.ts';
import { splitChannels } from './split-channels.ts';
import { asRows, fromTokens, toTokens } from './tokens.ts';

export interface TransformerSettings {
  /** Number of transformer blocks. */
  readonly depth: number;
  readonly heads: number;
  /** What the pixels attend to besides each other: [N, T, contextDim]. */
  readonly context: Value;
}

/**
 * x plus transformer blocks over its pixels
 * (CompVis/stable-diffusion, ldm/modules/attention.py, `SpatialTransformer`).
 *
 * @param x [N, C, H, W]
 */
export function spatialTransformer(
  module: Module,
  x: Value,
  { depth, heads, context }: TransformerSettings,
): Value {
  const { g } = module;
  const batch = dimAt(x.shape, 0);
  let tokens = g.recomputed('proj_in', () => {
    const normalized = module.within('norm', (norm) => groupNorm(norm, x, 1e-6));
    return module.within('proj_in', (part) => linear(part, asRows(g, toTokens(g, normalized))));
  });
  for (let i = 0; i < depth; i++) {
    tokens = g.recomputedBlock(`transformer_blocks.${i}`, () =>
      module.within(`transformer_blocks.${i}`, (block) =>
        transformerBlock(block, tokens, { context: asRows(g, context), heads, batch }),
      ),
    );
  }
  const projected = module.within('proj_out', (part) => linear(part, tokens));
  return g.add(fromTokens(g, projected, x.shape), x);
}

interface AttentionInputs {
  /** Tokens of the prompts: [N·S, D]. */
  readonly context: Value;
  readonly heads: number;
  /** N */
  readonly batch: number;
}

/** Self-attention, cross-attention and a feed-forward layer, each added to x [N·T, C]. */
function transformerBlock(
  module: Module,
  x: Value,
  { context, heads, batch }: AttentionInputs,
): Value {
  const { g } = module;
  const attend = (index: 1 | 2, input: Value) =>
    module.within(`attn${index}`, (part) => {
      const norm = module.child(`norm${index}`);
      const source = index === 1 ? null : context;
      return g.add(crossAttention(part, norm, { input, source, heads, batch }), input);
    });
  const attended = attend(2, attend(1, x));
  return g.add(feedForward(module, attended), attended);
}

interface CrossAttention {
  readonly input: Value;
  readonly source: Value | null;
  readonly heads: number;
  readonly batch: number;
}

/** Attention of the normalised input [N·T, C] to `source` [N·S, D], or to itself. */
function crossAttention(
  module: Module,
  norm: Module,
  { input, source, heads, batch }: CrossAttention,
): Value {
  const { g } = module;
  const scale = (dimAt(input.shape, -1) / heads) ** -0.5;
  const project = (name: string, x: Value, factor = 1) =>
    module.within(name, (part) => linear(part, x, factor));
  // The normalised input is made again for the projections' gradients; the projections are kept.
  const [queries, keys, values] = g.recomputed('projections', () => {
    const normalized = layerNorm(norm, input);
    const attended = source ?? normalized;
    return [
      project('to_q', normalized, scale),
      project('to_k', attended),
      project('to_v', attended),
    ] as const;
  });
  const byImage = (rows: Value) =>
    g.reshape(rows, [batch, dimAt(rows.shape, 0) / batch, dimAt(rows.shape, 1)]);
  const mixed = attention(g, {
    queries: byImage(queries),
    keys: byImage(keys),
    values: byImage(values),
    heads,
  });
  return project('to_out.0', asRows(g, mixed));
}

/** W₂·(a ⊙ gelu(b)) with [a, b] = W₁·norm3(x) (Shazeer 2020, GEGLU); x is [N·T, C]. */
function feedForward(module: Module, x: Value): Value {
  const { g } = module;
  const projected = g.recomputed('ff_in', () => {
    const normalized = module.within('norm3', (norm) => layerNorm(norm, x));
    return module.within('ff.net.0.proj', (part) => linear(part, normalized));
  });
  return g.recomputed('ff_out', () => {
    const { hidden, gate } = splitChannels(g, projected, ['hidden', 'gate']);
    const gated = g.mul(hidden, gelu(g, gate));
    return module.within('ff.net.2', (part) => linear(part, gated));
  });
}
