import type { VjpRule } from '../vjp-rule.ts';

/** z = sin x; x̄ = z̄·cos x */
export const sin: VjpRule = ({ g, ct, input }) => [() => g.mul(ct, g.op('Cos', [input(0)]))];
