import type { VjpRule } from '../vjp-rule.ts';

/** z = σ(x); x̄ = z̄·z·(1 − z) */
export const sigmoid: VjpRule = ({ g, ct, output }) => [
  () => g.mul(ct, g.mul(output(0), g.sub(g.scalar(1, ct), output(0)))),
];
