import { restoreAxes } from '../restore-axes.ts';
import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = Σ x over axes; x̄ = z̄ broadcast back */
export const reduceSum: VjpRule = ({ g, node, ct }) => [
  () => g.op('Expand', [restoreAxes(g, node, ct), g.indices(...operand(node, 0).shape)]),
  null,
];
