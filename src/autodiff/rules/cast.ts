import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = x in another type; x̄ = z̄ in the type of x */
export const cast: VjpRule = ({ g, node, ct }) => [() => g.cast(ct, operand(node, 0).type)];
