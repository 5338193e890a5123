import { elementCount } from '../../tensor/shape.ts';
import { restoreAxes } from '../restore-axes.ts';
import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = mean of x over axes of n elements; x̄ = z̄/n broadcast back */
export const reduceMean: VjpRule = ({ g, node, ct }) => [
  () => {
    const { shape } = operand(node, 0);
    const share = g.scalar(elementCount(ct.shape) / elementCount(shape), ct);
    const restored = restoreAxes(g, node, g.mul(ct, share));
    return g.op('Expand', [restored, g.indices(...shape)]);
  },
  null,
];
