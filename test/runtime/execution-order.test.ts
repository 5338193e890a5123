import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { runOrder } from '../../src/onnx/run-order.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatTensor } from '../../src/runtime/tensor.ts';
import { executedNodes } from '../helpers/executed-nodes.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

// onnxruntime orders the nodes of a graph as it likes: what recomputing saves depends on this.
test('a recomputed segment runs again only after the gradients of all segments above it', async () => {
  const folder = makeTemporaryFolder();
  const g = new GraphBuilder('order');
  const layers = [0, 1, 2];
  let x = g.input('x', 'float32', [2, 2]);
  const weights = layers.map((layer) => g.input(`weight${layer}`, 'float32', [2, 2]));
  weights.forEach((weight, layer) => {
    x = g.scope(`layer${layer}`, () =>
      g.recomputed('layer', () => g.matMul(g.op('Softmax', [g.matMul(x, weight)]), weight)),
    );
  });
  const loss = g.reduceMean(g.mul(x, x), [0, 1], false);
  gradients(g, loss, weights).forEach((gradient, layer) => {
    g.output(`gradient${layer}`, gradient);
  });
  const session = await GraphSession.create(g.graph, {
    device: 'cpu',
    threads: 1,
    profilePrefix: join(folder, 'trace'),
  });
  const ones = () => floatTensor(new Float32Array(4).fill(1), [2, 2]);
  await session.run(Object.fromEntries(g.graph.inputs.map(({ name }) => [name, ones()])));
  session.endProfiling();
  await session.release();

  const executed = executedNodes(folder);
  const recomputed = layers.map((layer) =>
    executed.findIndex((name) => name.startsWith(`layer${layer}/softmax/again`)),
  );
  // The gradient of each softmax is the one node that reduces.
  const differentiated = executed.flatMap((name, i) => (name.includes('reducesum') ? [i] : []));
  expect(differentiated).toHaveLength(layers.length);
  const order = [2, 1, 0].flatMap((layer, i) => [recomputed[layer]!, differentiated[i]!]);
  expect(recomputed).not.toContain(-1);
  expect(order).toEqual([...order].sort((a, b) => a - b));
});

test('nodes run in the order that is counted with, gradients of the last layer first', async () => {
  const folder = makeTemporaryFolder();
  const g = new GraphBuilder('order');
  const layers = [0, 1, 2, 3];
  let x = g.input('x', 'float32', [2, 2]);
  const weights = layers.map((layer) => g.input(`weight${layer}`, 'float32', [2, 2]));
  for (const weight of weights) x = g.op('Tanh', [g.matMul(g.op('Softmax', [x]), weight)]);
  const loss = g.reduceMean(g.mul(x, x), [0, 1], false);
  gradients(g, loss, weights).forEach((gradient, layer) => {
    g.output(`gradient${layer}`, gradient);
  });
  const session = await GraphSession.create(g.graph, {
    device: 'cpu',
    threads: 1,
    isPlain: true,
    profilePrefix: join(folder, 'trace'),
  });
  const ones = () => floatTensor(new Float32Array(4).fill(1), [2, 2]);
  await session.run(Object.fromEntries(g.graph.inputs.map(({ name }) => [name, ones()])));
  session.endProfiling();
  await session.release();

  const executed = executedNodes(folder).map((name) => name.replace(/_kernel_time$/, ''));
  const counted = runOrder(g.graph).map(({ name }) => name);
  expect(counted.filter((name) => executed.includes(name))).toEqual(executed);
  const made = layers.map((layer) => {
    const value = g.graph.outputs.find(({ name }) => name === `gradient${layer}`);
    return executed.indexOf(value!.producer!.name);
  });
  expect(made).not.toContain(-1);
  expect(made).toEqual([...made].sort((a, b) => b - a));
});
