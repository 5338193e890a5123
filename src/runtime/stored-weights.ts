import { castTypes } from '../onnx/cast-at-use.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Device } from './device.ts';
import { GraphSession } from './session.ts';

/**
 * Whether a graph's weights can stay on a device as they are stored, to be cast where they are read.
 * The CPU casts every type; a GPU float16 at most, and only where its shaders know that type.
 */
export async function keepsStoredWeights(graph: Graph, device: Device): Promise<boolean> {
  const types = castTypes(graph);
  if (types.size === 0) return false;
  if (device === 'cpu') return true;
  const isFloat16 = [...types].every((type) => type === 'float16');
  return isFloat16 && (await castsFloat16(device));
}

async function castsFloat16(device: Device): Promise<boolean> {
  const g = new GraphBuilder('float16');
  g.output('y', g.cast(g.constant([1], [1], 'float16'), 'float32'));
  try {
    const session = await GraphSession.create(g.graph, { device, keepsStoredWeights: true });
    try {
      const { y } = await session.run({});
      return y?.location === 'cpu' && y.data[0] === 1;
    } finally {
      await session.release();
    }
  } catch {
    return false;
  }
}
