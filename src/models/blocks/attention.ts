import { elementAt } from '../../element-at.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';

/**
 * Bytes of attention scores held at a time. SD 1.5 at 512×512 has 512 MiB of them in one layer,
 * of which softmax and its gradient need several copies; in parts of this size the products are
 * still far too large to lose speed. In parts of half the size a gradient of SDXL at 1024×1024 needs 1.12
 * instead of 1.20 GB, but its graph 354 instead of 166 seconds until the runtime has compiled it.
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
  const ranges = (total: number, bytes: number) => partition(total, Math.floor(limitBytes / bytes));

  const byItems = ranges(batch, headBytes * heads).map((items) => {
    const byHeads = ranges(heads, headBytes * lengthOf(items)).map((someHeads) => {
      const scoreBytes = rowBytes * lengthOf(items) * lengthOf(someHeads);
      const byRows = ranges(queryCount, scoreBytes).map((rows) =>
        g.recomputed('attention', () =>
          attend(g, partOf(g, operands, { items, heads: someHeads, rows })),
        ),
      );
      return join(g, byRows, 1);
    });
    return join(g, byHeads, 2);
  });
  return join(g, byItems, 0);
}

/** From the first to the last, which is not in it. */
type Range = readonly [number, number];

const lengthOf = ([from, to]: Range) => to - from;

/** `total` items in the fewest ranges of at most `limit` (at least 1) items, of nearly one size. */
function partition(total: number, limit: number): Range[] {
  const count = Math.ceil(total / Math.max(1, limit));
  const bound = (i: number) => Math.round((i * total) / count);
  return Array.from({ length: count }, (_, i) => [bound(i), bound(i + 1)] as const);
}

/** Scores that are in memory at one time. */
interface Part {
  readonly items: Range;
  readonly heads: Range;
  /** Of the queries. */
  readonly rows: Range;
}

/** What a part of the attention is made of; all of it where there is but one. */
function partOf(g: GraphBuilder, operands: AttentionOperands, part: Part): AttentionOperands {
  const { queries, mask, heads } = operands;
  const depth = dimAt(queries.shape, 2) / heads;
  const columns = [part.heads[0] * depth, part.heads[1] * depth] as const;
  const slice = (x: Value) => sliceRange(g, sliceRange(g, x, 0, part.items), 2, columns);
  const own = [
    sliceRange(g, slice(queries), 1, part.rows),
    slice(operands.keys),
    slice(operands.values),
  ] as const;
  if (own[0] === queries) return operands;
  const [partQueries, keys, values] = joinedOnce(g, own);
  return {
    queries: partQueries,
    keys,
    values,
    heads: lengthOf(part.heads),
    ...(mask && { mask: sliceRange(g, mask, 0, part.rows) }),
  };
}

/**
 * The same, by way of one tensor, so that their gradients are made into one: all gradients of a part
 * are then made together and its scores can go, before those of the next are made.
 */
function joinedOnce(g: GraphBuilder, own: readonly [Value, Value, Value]) {
  const lengths = own.map(({ shape }) => dimAt(shape, 1));
  const parts = g.ops('Split', [g.concat(own, 1), g.indices(...lengths)], { axis: 1 }, own.length);
  return [elementAt(parts, 0), elementAt(parts, 1), elementAt(parts, 2)] as const;
}

function attend(g: GraphBuilder, operands: AttentionOperands): Value {
  const { queries, keys, values, heads, mask } = operands;
  const byHead = (x: Value) => {
    const [batch, tokens] = [dimAt(x.shape, 0), dimAt(x.shape, 1)];
    return g.reshape(x, [batch, tokens, heads, dimAt(x.shape, 2) / heads]);
  };
  const q = g.transpose(byHead(queries), [0, 2, 1, 3]);
  const k = g.transpose(byHead(keys), [0, 2, 3, 1]);
  const v = g.transpose(byHead(values), [0, 2, 1, 3]);
  const scores = g.matMul(q, k);
  const masked = mask ? g.add(scores, mask) : scores;
  const probabilities = g.op('Softmax', [masked], { axis: -1 });
  const mixed = g.transpose(g.matMul(probabilities, v), [0, 2, 1, 3]);
  return g.reshape(mixed, queries.shape);
}

/** A part of `x` along one axis; `x` itself where that is all of it. */
function sliceRange(g: GraphBuilder, x: Value, axis: number, [from, to]: Range): Value {
  return to - from === dimAt(x.shape, axis) ? x : g.slice(x, axis, from, to);
}

function join(g: GraphBuilder, parts: readonly Value[], axis: number): Value {
  const [only] = parts;
  return only && parts.length === 1 ? only : g.concat(parts, axis);
}
