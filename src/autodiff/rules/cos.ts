import type { VjpRule } from '../vjp-rule.ts';

/** z = cos x; x̄ = −z̄·sin x */
export const cos: VjpRule = ({ g, ct, input }) => [
  () => g.op('Neg', [g.mul(ct, g.op('Sin', [input(0)]))]),
];
