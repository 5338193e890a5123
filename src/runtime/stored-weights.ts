import { castTypes } from '../onnx/cast-at-use.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Device } from './device.ts';
import { GraphSession } from './session.ts';

/**
 * Whether a graph's weights stay on a device as they are stored, to be cast where they are read: on a
 * GPU whose shaders know 16-bit floats, where half the memory counts and a cast is next to nothing.
 * The CPU casts them once: at the size of SDXL a step takes 32.4 s and 19.0 GB so, and 44.6 s and
 * 15.4 GB with casts where they are read.
 */
export async function keepsStoredWeights(graph: Graph, device: Device): Promise<boolean> {
  const types = castTypes(graph);
  const isFloat16 = types.size > 0 && [...types].every((type) => type === 'float16');
  if (device === 'cpu' || !isFloat16) return false;
  const found = casting.get(device) ?? castsFloat16(device);
  casting.set(device, found);
  return found;
}

/** Which devices cast float16: found out once. */
const casting = new Map<Device, Promise<boolean>>();

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
