import type { VjpRule } from '../vjp-rule.ts';

/** z = x·Φ(x), the exact form; x̄ = z̄·(Φ(x) + x·φ(x)) */
export const gelu: VjpRule = ({ g, node, ct, input }) => {
  if ((node.attributes.approximate ?? 'none') !== 'none') return [null];
  return [
    () => {
      const x = input(0);
      const scaled = g.mul(x, g.scalar(Math.SQRT1_2, x));
      const erf = g.op('Erf', [scaled]);
      const half = g.scalar(0.5, x);
      const distribution = g.add(g.mul(erf, half), half);
      const exponential = g.op('Exp', [g.op('Neg', [g.mul(scaled, scaled)])]);
      const density = g.mul(exponential, g.scalar(1 / Math.sqrt(2 * Math.PI), x));
      return g.mul(ct, g.add(distribution, g.mul(x, density)));
    },
  ];
};
