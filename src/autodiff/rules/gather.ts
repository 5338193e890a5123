import { normalizeAxis } from '../../onnx/shape.ts';
import { intAttribute, operand, type VjpRule } from '../vjp-rule.ts';

/**
 * z = x[indices] along axis 0; x̄ = zeros with the rows of z̄ added at the indices.
 * WebGPU cannot reshape int64: there the indices must be constant.
 */
export const gather: VjpRule = ({ g, node, ct, input }) => {
  const rank = operand(node, 0).shape.length;
  if (normalizeAxis(intAttribute(node, 'axis', 0), rank) !== 0) return [null];
  return [
    () => {
      const data = operand(node, 0);
      const zeros = g.op('Expand', [g.scalar(0, data), g.indices(...data.shape)]);
      const indices = input(1);
      const rows = g.reshape(indices, [...indices.shape, 1]);
      return g.op('ScatterND', [zeros, rows, ct], { reduction: 'add' });
    },
    null,
  ];
};
