import type { VjpRule } from '../vjp-rule.ts';

/** z = c ? x : y; x̄ = c ? z̄ : 0, ȳ = c ? 0 : z̄ */
export const where: VjpRule = ({ g, ct, input }) => [
  null,
  () => g.op('Where', [input(0), ct, g.scalar(0, ct)]),
  () => g.op('Where', [input(0), g.scalar(0, ct), ct]),
];
