import type { VjpRule } from '../vjp-rule.ts';

/** z = x·y; x̄ = z̄·y, ȳ = z̄·x */
export const mul: VjpRule = ({ g, ct, input }) => [
  () => g.mul(ct, input(1)),
  () => g.mul(ct, input(0)),
];
