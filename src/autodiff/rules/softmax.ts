import { normalizeAxis } from '../../onnx/shape.ts';
import { intAttribute, type VjpRule } from '../vjp-rule.ts';

/** z = softmax(x) along an axis; x̄ = z·(z̄ − Σ z̄·z) */
export const softmax: VjpRule = ({ g, node, ct, output }) => [
  () => {
    const z = output(0);
    const axis = normalizeAxis(intAttribute(node, 'axis', -1), ct.shape.length);
    const mean = g.reduceSum(g.mul(ct, z), [axis]);
    return g.mul(z, g.sub(ct, mean));
  },
];
