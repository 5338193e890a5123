import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = x in another shape; x̄ = z̄ in the shape of x */
export const reshape: VjpRule = ({ g, node, ct }) => [
  () => g.reshape(ct, operand(node, 0).shape),
  null,
];
