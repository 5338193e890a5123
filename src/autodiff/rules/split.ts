import { AppError } from '../../errors.ts';
import type { GraphBuilder } from '../../onnx/graph-builder.ts';
import type { Value } from '../../onnx/graph.ts';
import { intAttribute, type VjpRule } from '../vjp-rule.ts';

/** z₁, z₂, … = parts of x along an axis; x̄ = [z̄₁, z̄₂, …], zeros for parts not used */
export const split: VjpRule = ({ g, node, cts }) => [
  () => {
    const parts = cts.map((ct, i) => ct ?? zeros(g, node.outputs[i]));
    return g.concat(parts, intAttribute(node, 'axis', 0));
  },
  null,
];

function zeros(g: GraphBuilder, like: Value | undefined): Value {
  if (!like) throw new AppError('graph.invalid', 'Split with more cotangents than outputs');
  return g.op('Expand', [g.scalar(0, like), g.indices(...like.shape)]);
}
