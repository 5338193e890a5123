import type { VjpRule } from '../vjp-rule.ts';

/** z = ln x; x̄ = z̄/x */
export const log: VjpRule = ({ g, ct, input }) => [() => g.div(ct, input(0))];
