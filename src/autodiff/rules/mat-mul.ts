import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { VjpRule } from '../vjp-rule.ts';

/** Z = X·Y; X̄ = Z̄·Yᵀ, Ȳ = Xᵀ·Z̄, for operands of rank 2 or more */
export const matMul: VjpRule = ({ g, ct, input }) => [
  () => g.matMul(ct, swapLastAxes(g, input(1))),
  () => g.matMul(swapLastAxes(g, input(0)), ct),
];

function swapLastAxes(g: GraphBuilder, x: Value): Value {
  const rank = x.shape.length;
  const axes = Array.from({ length: rank - 2 }, (_, axis) => axis);
  return g.transpose(x, [...axes, rank - 1, rank - 2]);
}
