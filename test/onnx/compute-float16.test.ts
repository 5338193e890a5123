import { expect, it } from 'vitest';

import { gradients } from '../../src/autodiff/backward.ts';
import { computeInFloat16 } from '../../src/onnx/compute-float16.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Graph, Value } from '../../src/onnx/graph.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { relativeError } from '../helpers/relative-error.ts';
import { runGraph } from '../helpers/run-graph.ts';

const [tokens, width] = [16, 8];
const values = createGenerator(2).randn(tokens * width);

/** A norm, a product and a softmax of what is `size` large, with the gradient of the input and of a gain. */
function build(size: number): Graph {
  const g = new GraphBuilder('block');
  const x = g.input('x', 'float32', [tokens, width]);
  const gain = g.input('gain', 'float32', [width]);
  const numbers = [...createGenerator(3).randn(width * width)];
  const weight = g.cast(g.constant(numbers, [width, width], 'float16'), 'float32');
  const h = g.matMul(g.mul(x, g.scalar(size, x)), weight);
  const fill = (element: number) =>
    g.constant(Array<number>(tokens).fill(element), [tokens], 'float32');
  const whole = g.op(
    'InstanceNormalization',
    [g.reshape(h, [1, tokens, width]), fill(1), fill(0)],
    {
      epsilon: 1e-5,
    },
  );
  const normed = g.mul(g.reshape(whole, [tokens, width]), gain);
  const y = g.op('Softmax', [g.matMul(normed, weight)], { axis: -1 });
  g.output('y', y);
  const loss = g.reduceMean(g.mul(y, g.sub(y, x)), [0, 1], false);
  g.output('loss', loss);
  const [ofX, ofGain] = gradients(g, g.mul(loss, g.scalar(tokens * width, loss)), [x, gain]);
  g.output('gradient:x', ofX!);
  g.output('gradient:gain', ofGain!);
  return g.graph;
}

const inputs = { x: [...values], gain: [...values.slice(0, width)] };

// Squares of what 1000 stands for do not fit into float16: a norm in it would give NaN.
it.each([1, 1000])(
  'a graph in float16 gives what it gives in float32, of values around %d',
  async (size) => {
    const half = build(size);
    computeInFloat16(half);
    const [expected, actual] = [await runGraph(build(size), inputs), await runGraph(half, inputs)];
    for (const [name, of32] of Object.entries(expected)) {
      expect(
        relativeError(Float32Array.from(actual[name]!), Float32Array.from(of32), 1e-2),
        name,
      ).toBeLessThan(5e-3);
    }
  },
);

it('has products in float16, sums in float32 and outputs of the types that they had', () => {
  const graph = build(1);
  const typesOf = (outputs: readonly Value[]) => outputs.map(({ name, type }) => `${name} ${type}`);
  const before = typesOf(graph.outputs);
  computeInFloat16(graph);
  expect(typesOf(graph.outputs)).toEqual(before);
  const types = (opType: string) =>
    new Set(graph.nodes.flatMap((node) => (node.opType === opType ? node.outputs[0]!.type : [])));
  // In float32 too: of the gain's gradient nothing but a sum is made.
  expect(types('MatMul')).toContain('float16');
  expect(types('Softmax')).toEqual(new Set(['float32']));
  expect(types('ReduceMean')).toEqual(new Set(['float32']));
  // The weight is read as it is stored.
  const product = graph.nodes.find(({ opType }) => opType === 'MatMul')!;
  expect(graph.initializers.has(product.inputs[1]!)).toBe(true);
});
