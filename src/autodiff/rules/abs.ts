import type { VjpRule } from '../vjp-rule.ts';

/** z = |x|; x̄ = z̄·sign x */
export const abs: VjpRule = ({ g, ct, input }) => [() => g.mul(ct, g.op('Sign', [input(0)]))];
