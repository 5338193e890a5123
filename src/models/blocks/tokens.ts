import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt, elementCount, type Shape } from '../../onnx/shape.ts';

/** An image [N, C, H, W] as tokens, one a pixel: [N, H·W, C]. */
export function toTokens(g: GraphBuilder, x: Value): Value {
  const [batch, channels] = [dimAt(x.shape, 0), dimAt(x.shape, 1)];
  const pixels = elementCount(x.shape.slice(2));
  return g.transpose(g.reshape(x, [batch, channels, pixels]), [0, 2, 1]);
}

/** Tokens [N, H·W, C] as an image of `shape` [N, C, H, W]. */
export function fromTokens(g: GraphBuilder, tokens: Value, shape: Shape): Value {
  return g.reshape(g.transpose(tokens, [0, 2, 1]), shape);
}
