import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';

/** x·Φ(x), the exact form, of any shape. */
export function gelu(g: GraphBuilder, x: Value): Value {
  return g.op('Gelu', [x]);
}

/** x·σ(1.702·x), the approximation that OpenAI's CLIP was trained with. Any shape. */
export function quickGelu(g: GraphBuilder, x: Value): Value {
  return g.recomputed('quick_gelu', () =>
    g.mul(x, g.op('Sigmoid', [g.mul(x, g.scalar(1.702, x))])),
  );
}
