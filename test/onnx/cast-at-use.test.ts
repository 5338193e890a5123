import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { castAtUse, castTypes } from '../../src/onnx/cast-at-use.ts';
import type { ElementType } from '../../src/onnx/element-type.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { boolTensor, floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { executedNodes } from '../helpers/executed-nodes.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/**
 * x ↦ the mean of (softmax(x·A)·B)² and its gradients for x and a trained C that scales x, all in a
 * branch of an `If`; A and B are stored as `type` and each is read forward and backward.
 */
function graphWithWeights(type: ElementType): Graph {
  const g = new GraphBuilder('weights', { recomputes: 'nothing' });
  const x = g.input('x', 'float32', [2, 2]);
  const trained = g.input('trained', 'float32', [2, 2]);
  const [a, b] = [
    [0.5, -1, 2, 0.25],
    [1, 3, -0.5, 0.125],
  ].map((elements) => {
    const stored = g.constant(elements, [2, 2], type);
    return g.shared(() => g.cast(stored, 'float32'));
  }) as [Value, Value];
  const branch = (name: string, scale: number) => {
    const inner = g.subgraph(name);
    const scaled = inner.mul(inner.mul(x, trained), inner.scalar(scale, x));
    const y = inner.matMul(inner.op('Softmax', [inner.matMul(scaled, a)]), b);
    const loss = inner.reduceMean(inner.mul(y, y), [0, 1], false);
    const [gradient] = gradients(inner, loss, [trained]);
    inner.output(`${name}/loss`, loss);
    inner.output(`${name}/gradient`, gradient!);
    return inner.graph;
  };
  const condition = g.input('condition', 'bool', []);
  const [loss, gradient] = g.choose(condition, { then: branch('one', 1), else: branch('two', 2) });
  g.output('loss', loss!);
  g.output('gradient', gradient!);
  return g.graph;
}

const feeds = (condition: boolean) => ({
  x: floatTensor(Float32Array.of(1, -2, 0.5, 3), [2, 2]),
  trained: floatTensor(Float32Array.of(0.3, 1, -1, 2), [2, 2]),
  condition: boolTensor(condition),
});

async function run(graph: Graph, keepsStored: boolean) {
  const folder = makeTemporaryFolder();
  const session = await GraphSession.create(graph, {
    device: 'cpu',
    threads: 1,
    keepsStoredWeights: keepsStored,
    profilePrefix: join(folder, 'trace'),
  });
  const results: number[] = [];
  for (const condition of [true, false]) {
    const { loss, gradient } = await session.run(feeds(condition));
    results.push(...floatData(loss!), ...floatData(gradient!));
  }
  session.endProfiling();
  await session.release();
  return { results, executed: executedNodes(folder) };
}

describe('castAtUse', () => {
  it.each(['float16', 'float64'] as const)('changes no result: %s', async (type) => {
    const folded = await run(graphWithWeights(type), false);
    const graph = graphWithWeights(type);
    expect([...castTypes(graph)]).toEqual([type]);
    castAtUse(graph);
    const cast = await run(graph, true);
    expect(folded.results.some((value) => value !== 0)).toBe(true);
    expect(cast.results).toEqual(folded.results);
  });

  it('has each weight cast by its reader only, right before it runs', async () => {
    const graph = graphWithWeights('float16');
    castAtUse(graph);
    const { executed } = await run(graph, true);
    const casts = executed.flatMap((name, i) => (name.includes('/use') ? [i] : []));
    // Forward and for the gradient, of two weights, in each of the two runs.
    expect(casts).toHaveLength(8);
    for (const [i, place] of casts.entries()) expect(casts[i + 1]).not.toBe(place + 1);
  });

  it('leaves no cast to the graph that the branches share', () => {
    const graph = graphWithWeights('float16');
    expect(graph.nodes.map(({ opType }) => opType)).toContain('Cast');
    castAtUse(graph);
    expect(graph.nodes.map(({ opType }) => opType)).not.toContain('Cast');
    expect(castTypes(graph).size).toBe(0);
  });
});
