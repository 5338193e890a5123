import type { VjpRule } from '../vjp-rule.ts';

/** z = erf x; x̄ = z̄·(2/√π)·exp(−x²) */
export const erf: VjpRule = ({ g, ct, input }) => [
  () => {
    const density = g.op('Exp', [g.op('Neg', [g.mul(input(0), input(0))])]);
    return g.mul(ct, g.mul(g.scalar(2 / Math.sqrt(Math.PI), ct), density));
  },
];
