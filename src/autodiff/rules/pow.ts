import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = xᵖ with a constant p; x̄ = z̄·p·xᵖ⁻¹ */
export const pow: VjpRule = ({ g, node, ct, input }) => [
  () => {
    const one = g.scalar(1, operand(node, 1));
    const slope = g.mul(input(1), g.op('Pow', [input(0), g.sub(input(1), one)]));
    return g.mul(ct, slope);
  },
  null,
];
