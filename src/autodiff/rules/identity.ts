import type { VjpRule } from '../vjp-rule.ts';

/** z = x; x̄ = z̄ */
export const identity: VjpRule = ({ ct }) => [() => ct];
