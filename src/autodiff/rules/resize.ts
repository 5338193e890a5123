import { dimAt, elementCount } from '../../onnx/shape.ts';
import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = x enlarged by whole factors, nearest neighbour; x̄ = z̄ summed over each block */
export const resize: VjpRule = ({ g, node, ct }) => {
  const { shape } = operand(node, 0);
  const kernel = ct.shape.slice(2).map((dim, i) => dim / dimAt(shape, i + 2));
  if (node.attributes.mode !== 'nearest' || !kernel.every(Number.isInteger)) return [null];
  return [
    () => {
      const mean = g.op('AveragePool', [ct], { kernel_shape: kernel, strides: kernel });
      return g.mul(mean, g.scalar(elementCount(kernel), ct));
    },
  ];
};
