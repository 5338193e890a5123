import { dimAt, normalizeAxis } from '../../onnx/shape.ts';
import { intAttribute, operand, type VjpRule } from '../vjp-rule.ts';

/** z = [x₁, x₂, …] along an axis; x̄ᵢ is the part of z̄ that came from xᵢ */
export const concat: VjpRule = ({ g, node, ct }) => {
  const axis = normalizeAxis(intAttribute(node, 'axis', 0), ct.shape.length);
  let start = 0;
  return node.inputs.map((_, i) => {
    const from = start;
    start += dimAt(operand(node, i).shape, axis);
    const to = start;
    return () => g.slice(ct, axis, from, to);
  });
};
