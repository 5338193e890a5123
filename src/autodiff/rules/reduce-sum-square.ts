import { restoreAxes } from '../restore-axes.ts';
import type { VjpRule } from '../vjp-rule.ts';

/** z = Σ x² over axes; x̄ = 2·x·z̄ */
export const reduceSumSquare: VjpRule = ({ g, node, ct, input }) => [
  () => g.mul(g.mul(input(0), g.scalar(2, ct)), restoreAxes(g, node, ct)),
  null,
];
