import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';

/** An image [N, C, H, W] as tokens, one a pixel: [N, H·W, C]. */
export function toTokens(g: GraphBuilder, x: Value): Value {
  const [batch, channels] = [dimAt(x.shape, 0), dimAt(x.shape, 1)];
  const pixels = elementCount(x.shape.slice(2));
  return g.transpose(g.reshape(x, [batch, channels, pixels]), [0, 2, 1]);
}

/** Tokens [N, T, C] of all images below each other: [N·T, C]. */
export function asRows(g: GraphBuilder, tokens: Value): Value {
  const channels = dimAt(tokens.shape, -1);
  return g.reshape(tokens, [elementCount(tokens.shape) / channels, channels]);
}

/** Tokens [N·H·W, C] as an image of `shape` [N, C, H, W]. */
export function fromTokens(g: GraphBuilder, tokens: Value, shape: Shape): Value {
  const [batch, channels] = [dimAt(shape, 0), dimAt(shape, 1)];
  const byImage = g.reshape(tokens, [batch, elementCount(shape.slice(2)), channels]);
  return g.reshape(g.transpose(byImage, [0, 2, 1]), shape);
}
