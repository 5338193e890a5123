import { Tensor } from 'onnxruntime-node';
import type { Graph } from '../../src/onnx/graph.ts';
import { GraphSession } from '../../src/runtime/session.ts';

/** Runs a graph of float32 inputs once on the CPU: numbers of each output by name. */
export async function runGraph(
  graph: Graph,
  inputs: Readonly<Record<string, readonly number[]>> = {},
): Promise<Record<string, number[]>> {
  const session = await GraphSession.create(graph, { device: 'cpu', threads: 1 });
  try {
    const feeds = graph.inputs.map(({ name, shape }): [string, Tensor] => {
      return [name, new Tensor('float32', Float32Array.from(inputs[name]!), shape)];
    });
    const outputs = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
    );
  } finally {
    await session.release();
  }
}
