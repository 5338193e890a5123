import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';

/** x·σ(x), of any shape. The backward pass keeps x alone. */
export function silu(g: GraphBuilder, x: Value): Value {
  return g.recomputed('silu', () => g.mul(x, g.op('Sigmoid', [x])));
}
