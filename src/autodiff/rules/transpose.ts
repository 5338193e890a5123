import { intsAttribute, type VjpRule } from '../vjp-rule.ts';

/** z = x with axes permuted by p; x̄ = z̄ permuted by p⁻¹ */
export const transpose: VjpRule = ({ g, node, ct }) => [
  () => {
    const perm = intsAttribute(node, 'perm', []);
    return g.transpose(
      ct,
      perm.map((_, axis) => perm.indexOf(axis)),
    );
  },
];
