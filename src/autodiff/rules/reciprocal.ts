import type { VjpRule } from '../vjp-rule.ts';

/** z = 1/x; x̄ = −z̄·z² */
export const reciprocal: VjpRule = ({ g, ct, output }) => [
  () => g.op('Neg', [g.mul(ct, g.mul(output(0), output(0)))]),
];
