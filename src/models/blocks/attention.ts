import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';

/**
 * Bytes of attention scores held at a time. SD 1.5 at 512×512 has 512 MiB of them in one layer,
 * of which softmax and its gradient need several copies; in parts of this size the products are
 * still far too large to lose speed.
 */
const maxScoreBytes = 128 * 2 ** 20;

export interface AttentionOperands {
  /** [N, Tq, heads·d], already scaled by 1/√d. */
  readonly queries: Value;
  /** [N, Tk, heads·d] */
  readonly keys: Value;
  /** [N, Tk, heads·d] */
  readonly values: Value;
  readonly heads: number;
  /** Added to the scores of every head: [Tq, Tk]. */
  readonly mask?: Value;
}

/**
 * softmax(Q·Kᵀ + mask)·V for each head, the heads side by side (Vaswani et al. 2017). Scores are
 * computed again in the backward pass, and in parts where they exceed `limitBytes`: by batch item,
 * then by heads, then by queries.
 *
 * @returns [N, Tq, heads·d]
 */
export function attention(
  g: GraphBuilder,
  operands: AttentionOperands,
  limitBytes = maxScoreBytes,
): Value {
  const { queries, keys, heads } = operands;
  const [batch, queryCount] = [dimAt(queries.shape, 0), dimAt(queries.shape, 1)];
  const rowBytes = 4 * dimAt(keys.shape, 1);
  const headBytes = rowBytes * queryCount;
  const depth = dimAt(queries.shape, 2) / heads;
  const parts = (total: number, bytes: number) => partition(total, Math.floor(limitBytes / bytes));

  const items = parts(batch, headBytes * heads).map(([from, to]) => {
    const item = sliceOperands(g, operands, { axis: 0, from, to });
    const groups = parts(heads, headBytes * (to - from)).map(([first, last]) => {
      const range = { axis: 2, from: first * depth, to: last * depth };
      const group = { ...sliceOperands(g, item, range), heads: last - first };
      const rows = parts(queryCount, rowBytes * (to - from) * (last - first));
      return join(
        g,
        rows.map(([start, end]) => attend(g, sliceQueries(g, group, start, end))),
        1,
      );
    });
    return join(g, groups, 2);
  });
  return join(g, items, 0);
}

function attend(g: GraphBuilder, operands: AttentionOperands): Value {
  const { queries, keys, values, heads, mask } = operands;
  const byHead = (x: Value) => {
    const [batch, tokens] = [dimAt(x.shape, 0), dimAt(x.shape, 1)];
    return g.reshape(x, [batch, tokens, heads, dimAt(x.shape, 2) / heads]);
  };
  return g.recomputed('attention', () => {
    const q = g.transpose(byHead(queries), [0, 2, 1, 3]);
    const k = g.transpose(byHead(keys), [0, 2, 3, 1]);
    const v = g.transpose(byHead(values), [0, 2, 1, 3]);
    const scores = g.matMul(q, k);
    const masked = mask ? g.add(scores, mask) : scores;
    const probabilities = g.op('Softmax', [masked], { axis: -1 });
    const mixed = g.transpose(g.matMul(probabilities, v), [0, 2, 1, 3]);
    return g.reshape(mixed, queries.shape);
  });
}

interface Range {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
}

function sliceOperands(g: GraphBuilder, operands: AttentionOperands, range: Range) {
  return {
    ...operands,
    queries: sliceRange(g, operands.queries, range),
    keys: sliceRange(g, operands.keys, range),
    values: sliceRange(g, operands.values, range),
  };
}

function sliceQueries(
  g: GraphBuilder,
  operands: AttentionOperands,
  from: number,
  to: number,
): AttentionOperands {
  const { queries, mask } = operands;
  return {
    ...operands,
    queries: sliceRange(g, queries, { axis: 1, from, to }),
    ...(mask && { mask: sliceRange(g, mask, { axis: 0, from, to }) }),
  };
}

/** A part of `x` along one axis; `x` itself where that is all of it. */
function sliceRange(g: GraphBuilder, x: Value, { axis, from, to }: Range): Value {
  return to - from === dimAt(x.shape, axis) ? x : g.slice(x, axis, from, to);
}

/** `total` items in the fewest ranges of at most `limit` (at least 1) items, of nearly one size. */
function partition(total: number, limit: number): (readonly [number, number])[] {
  const count = Math.ceil(total / Math.max(1, limit));
  const bound = (i: number) => Math.round((i * total) / count);
  return Array.from({ length: count }, (_, i) => [bound(i), bound(i + 1)] as const);
}

function join(g: GraphBuilder, parts: readonly Value[], axis: number): Value {
  const [only] = parts;
  return only && parts.length === 1 ? only : g.concat(parts, axis);
}
