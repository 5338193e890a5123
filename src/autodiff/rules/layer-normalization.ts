import type { Value } from '../../onnx/graph.ts';
import { normalizeAxis } from '../../onnx/shape.ts';
import { once } from '../../once.ts';
import { elementAt } from '../../element-at.ts';
import { intAttribute, operand, type VjpRule } from '../vjp-rule.ts';

/**
 * z = γ·x̂ + β with x̂ = (x − μ)·r over the trailing axes;
 * x̄ = r·(d − mean(d) − x̂·mean(d·x̂)) with d = γ·z̄, γ̄ = Σ z̄·x̂, β̄ = Σ z̄
 */
export const layerNormalization: VjpRule = ({ g, node, ct, cts, input }) => {
  const [, mean, inverseDeviation] = cts;
  if (mean || inverseDeviation) return [null, null, null];
  const { shape } = ct;
  const axis = normalizeAxis(intAttribute(node, 'axis', -1), shape.length);
  const axes = shape.map((_, i) => i).filter((i) => i >= axis);
  const scale = operand(node, 1);
  // Normalising again is cheaper than keeping x̂ in memory from the forward pass.
  const normalize = once(() => {
    const fill = (element: number) =>
      g.op('Expand', [g.scalar(element, scale), g.indices(...scale.shape)]);
    const epsilon = intAttribute(node, 'epsilon', 1e-5);
    return g.ops('LayerNormalization', [input(0), fill(1), fill(0)], { axis, epsilon }, 3);
  });
  const normalized = () => elementAt(normalize(), 0);
  // The statistics are float32, whatever the type of x.
  const scaleBack = (x: Value) => g.mul(g.cast(elementAt(normalize(), 2), ct.type), x);
  return [
    () => {
      const d = g.mul(ct, input(1));
      const aligned = g.mul(normalized(), g.reduceMean(g.mul(d, normalized()), axes));
      return scaleBack(g.sub(g.sub(d, g.reduceMean(d, axes)), aligned));
    },
    () => g.mul(ct, normalized()),
    () => ct,
  ];
};
