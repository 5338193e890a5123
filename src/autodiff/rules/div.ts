import type { VjpRule } from '../vjp-rule.ts';

/** z = x/y; x̄ = z̄/y, ȳ = −z̄·z/y */
export const div: VjpRule = ({ g, ct, input, output }) => [
  () => g.div(ct, input(1)),
  () => g.op('Neg', [g.div(g.mul(ct, output(0)), input(1))]),
];
