import type { Node } from '../../onnx/graph.ts';
import { dimAt } from '../../onnx/shape.ts';
import { elementCount } from '../../tensor/shape.ts';
import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = x enlarged by whole factors, nearest neighbour; x̄ = z̄ summed over each block */
export const resize: VjpRule = ({ g, node, ct }) => {
  const { shape } = operand(node, 0);
  const factors = ct.shape.map((dim, axis) => dim / dimAt(shape, axis));
  const isEnlarged = factors.every(
    (factor, i) => Number.isInteger(factor) && (i > 1 || factor === 1),
  );
  if (!isEnlarged || !repeatsPixels(node)) return [null];
  const kernel = factors.slice(2);
  return [
    () => {
      const mean = g.op('AveragePool', [ct], { kernel_shape: kernel, strides: kernel });
      return g.mul(mean, g.scalar(elementCount(kernel), ct));
    },
  ];
};

/** Whether every pixel becomes a block: the operator has modes that place whole factors otherwise. */
function repeatsPixels({ attributes }: Node): boolean {
  const coordinates = attributes.coordinate_transformation_mode ?? 'half_pixel';
  const rounding = attributes.nearest_mode ?? 'round_prefer_floor';
  return (
    attributes.mode === 'nearest' &&
    ((coordinates === 'asymmetric' && rounding === 'floor') ||
      (coordinates === 'half_pixel' && rounding === 'round_prefer_floor'))
  );
}
