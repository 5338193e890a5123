import { dimAt, normalizeAxis } from '../../onnx/shape.ts';
import { operand, type VjpRule } from '../vjp-rule.ts';

/** z = x[starts:ends:steps]; x̄ = z̄ with zeros put back around it (steps of 1) */
export const slice: VjpRule = ({ g, node, ct }) => {
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map((i) => node.inputs[i]?.constant);
  if (!starts || !ends || steps?.some((step) => step !== 1)) return [null];
  return [
    () => {
      const { shape } = operand(node, 0);
      const before = shape.map(() => 0);
      starts.forEach((start, i) => {
        const axis = normalizeAxis(axes?.[i] ?? i, shape.length);
        const dim = dimAt(shape, axis);
        const fromFront = start < 0 ? start + dim : start;
        before[axis] = Math.min(Math.max(fromFront, 0), dim);
      });
      const after = shape.map((dim, axis) => dim - dimAt(ct.shape, axis) - (before[axis] ?? 0));
      return g.op('Pad', [ct, g.indices(...before, ...after), g.scalar(0, ct)]);
    },
  ];
};
