import type { VjpRule } from '../vjp-rule.ts';

/** z = |x|; x̄ = z̄·sign x, which WebGPU lacks: z̄ above 0, −z̄ below, 0 at 0 */
export const abs: VjpRule = ({ g, ct, input }) => [
  () => {
    const x = input(0);
    const zero = g.scalar(0, x);
    const below = g.op('Where', [g.op('Greater', [zero, x]), g.op('Neg', [ct]), zero]);
    return g.op('Where', [g.op('Greater', [x, zero]), ct, below]);
  },
];
