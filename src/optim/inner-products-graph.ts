import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import { tensorName, type ParameterSpec } from './update-graph.ts';

/**
 * Inner products of two gradients over all parameters, partial sums by parameter so that nothing
 * as large as a gradient is made: inputs `gradient0:NAME` and `gradient1:NAME`, outputs float32
 * [parameters] `square0` = |g₀|², `square1` = |g₁|², `product` = ⟨g₀, g₁⟩. The host adds the parts
 * in float64. Masked, it takes `mask:NAME` too, 0 where neither gradient counts, else 1.
 */
export function buildInnerProductsGraph(
  parameters: readonly ParameterSpec[],
  { isMasked = false }: { readonly isMasked?: boolean } = {},
): Graph {
  const g = new GraphBuilder('inner-products');
  const squares: [Value[], Value[]] = [[], []];
  const products: Value[] = [];
  for (const { name, shape } of parameters) {
    const axes = shape.map((_, axis) => axis);
    const input = (part: string) => g.input(tensorName(part, name), 'float32', shape);
    const mask = isMasked ? input('mask') : null;
    const pair = [0, 1].map((i) => {
      const gradient = input(`gradient${i}`);
      return mask ? g.mul(mask, gradient) : gradient;
    });
    const [first, second] = pair as [Value, Value];
    const sum = (x: Value) => g.reshape(g.reduceSum(x, axes, false), [1]);
    squares[0].push(sum(g.mul(first, first)));
    squares[1].push(sum(g.mul(second, second)));
    products.push(sum(g.mul(first, second)));
  }
  g.output('square0', g.concat(squares[0], 0));
  g.output('square1', g.concat(squares[1], 0));
  g.output('product', g.concat(products, 0));
  return g.graph;
}
