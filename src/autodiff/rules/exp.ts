import type { VjpRule } from '../vjp-rule.ts';

/** z = eˣ; x̄ = z̄·z */
export const exp: VjpRule = ({ g, ct, output }) => [() => g.mul(ct, output(0))];
