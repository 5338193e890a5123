import type { VjpRule } from '../vjp-rule.ts';

/** z = √x; x̄ = z̄/(2z) */
export const sqrt: VjpRule = ({ g, ct, output }) => [
  () => g.div(ct, g.mul(g.scalar(2, ct), output(0))),
];
