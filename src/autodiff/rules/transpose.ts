import { intsAttribute, type VjpRule } from '../vjp-rule.ts';

/** z = x with axes permuted by p; x̄ = z̄ permuted by p⁻¹ */
export const transpose: VjpRule = ({ g, node, ct }) => [
  () => {
    const reversed = ct.shape.map((_, axis) => ct.shape.length - 1 - axis);
    const perm = intsAttribute(node, 'perm', reversed);
    return g.transpose(
      ct,
      perm.map((_, axis) => perm.indexOf(axis)),
    );
  },
];
