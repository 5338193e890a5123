import type { VjpRule } from '../vjp-rule.ts';

/** z = x + y; x̄ = z̄, ȳ = z̄ */
export const add: VjpRule = ({ ct }) => [() => ct, () => ct];
