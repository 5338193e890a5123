import type { VjpRule } from '../vjp-rule.ts';

/** z = x − y; x̄ = z̄, ȳ = −z̄ */
export const sub: VjpRule = ({ g, ct }) => [() => ct, () => g.op('Neg', [ct])];
