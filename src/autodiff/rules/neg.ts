import type { VjpRule } from '../vjp-rule.ts';

/** z = −x; x̄ = −z̄ */
export const neg: VjpRule = ({ g, ct }) => [() => g.op('Neg', [ct])];
