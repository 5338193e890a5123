import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Node, Value } from '../onnx/graph.ts';
import { normalizeAxis } from '../onnx/shape.ts';
import { operand } from './vjp-rule.ts';

/** The cotangent of a reduction with its reduced axes put back as 1, so that it broadcasts. */
export function restoreAxes(g: GraphBuilder, node: Node, ct: Value): Value {
  const { shape } = operand(node, 0);
  const axes = (node.inputs[1]?.constant ?? shape.map((_, axis) => axis)).map((axis) =>
    normalizeAxis(axis, shape.length),
  );
  return g.reshape(
    ct,
    shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
  );
}
