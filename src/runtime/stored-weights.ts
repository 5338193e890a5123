import { castElements, castTypes } from '../onnx/cast-at-use.ts';
import { branchesOf, graphCost } from '../onnx/graph-cost.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Graph } from '../onnx/graph.ts';
import type { Device } from './device.ts';
import { GraphSession } from './session.ts';

/**
 * Whether a graph's float16 weights stay on a device as they are stored, to be cast where they are
 * read: half the memory. On a GPU whose shaders know 16-bit floats a cast is next to nothing. On the
 * CPU the rest of the work must be large beside it.
 */
export async function keepsStoredWeights(
  graph: Graph,
  { device, precision = 'float32' }: { device: Device; precision?: 'float32' | 'float16' },
): Promise<boolean> {
  const types = castTypes(graph);
  // They were rounded to 8 bits for their memory alone.
  if (types.has('int8')) return true;
  if (types.size === 0 || [...types].some((type) => type !== 'float16')) return false;
  if (precision === 'float16') return true;
  return device === 'cpu' ? areCastsCheap(graph) : knowsFloat16(device);
}

/** Whether a device casts 16-bit floats, and so computes with them. */
export function knowsFloat16(device: Device): Promise<boolean> {
  const found = casting.get(device) ?? castsFloat16(device);
  casting.set(device, found);
  return found;
}

/**
 * What casting an element takes on the CPU, in multiplications with an addition. SD 1.5 at 512 pixels:
 * 26.5 seconds of two cores for a gradient, 27.8 with 1.9 billion elements cast on the way.
 */
const CAST_WORK = 40;

/** Half the memory of the weights for an eighth more time at most. */
function areCastsCheap(graph: Graph): boolean {
  const [branch] = branchesOf(graph);
  return CAST_WORK * castElements(graph, branch) <= graphCost(branch).multiplyAdds / 8;
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
