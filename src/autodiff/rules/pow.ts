import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = xᵖ with a constant p; x̄ = z̄·p·xᵖ⁻¹ */
export const pow: VjpRule = ({ g, node, ct, input }) => [
  () => {
    // The exponent may have another type than the base, and than the result.
    const one = g.scalar(1, operand(node, 1));
    const power = g.op('Pow', [input(0), g.sub(input(1), one)]);
    const slope = g.mul(g.cast(input(1), ct.type), power);
    return g.mul(ct, slope);
  },
  null,
];
