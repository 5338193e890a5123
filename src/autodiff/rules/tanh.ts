import type { VjpRule } from '../vjp-rule.ts';

/** z = tanh x; x̄ = z̄·(1 − z²) */
export const tanh: VjpRule = ({ g, ct, output }) => [
  () => g.mul(ct, g.sub(g.scalar(1, ct), g.mul(output(0), output(0)))),
];
