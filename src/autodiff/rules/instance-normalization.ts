import type { Value } from '../../onnx/graph.ts';
import { once } from '../../once.ts';
import { intAttribute, operand, type VjpRule } from '../vjp-rule.ts';

/**
 * z = γ·x̂ + β with x̂ = (x − μ)·r over the spatial axes of each channel;
 * x̄ = r·(d − mean(d) − x̂·mean(d·x̂)) with d = γ·z̄, γ̄ = Σ z̄·x̂, β̄ = Σ z̄
 */
export const instanceNormalization: VjpRule = ({ g, node, ct, input }) => {
  const spatial = ct.shape.map((_, i) => i).slice(2);
  const others = [0, ...spatial];
  const scale = operand(node, 1);
  const epsilon = intAttribute(node, 'epsilon', 1e-5);
  // Normalising again is cheaper than keeping x̂ in memory from the forward pass.
  const centered = once(() => g.sub(input(0), g.reduceMean(input(0), spatial)));
  const inverseDeviation = once(() => {
    const variance = g.reduceMean(g.mul(centered(), centered()), spatial);
    return g.op('Reciprocal', [g.op('Sqrt', [g.add(variance, g.scalar(epsilon, ct))])]);
  });
  const normalized = once(() => g.mul(centered(), inverseDeviation()));
  const sum = (x: Value) => g.reshape(g.reduceSum(x, others), scale.shape);
  return [
    () => {
      const perChannel = [1, ...scale.shape, ...spatial.map(() => 1)];
      const d = g.mul(ct, g.reshape(input(1), perChannel));
      const aligned = g.mul(normalized(), g.reduceMean(g.mul(d, normalized()), spatial));
      return g.mul(inverseDeviation(), g.sub(g.sub(d, g.reduceMean(d, spatial)), aligned));
    },
    () => sum(g.mul(ct, normalized())),
    () => sum(ct),
  ];
};
