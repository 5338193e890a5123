import { elementCount, type Shape } from '../tensor/shape.ts';
import { dimAt } from './shape.ts';
import { Graph, type Node, type Value } from './graph.ts';
import { elementTypes } from './element-type.ts';
import { runOrder } from './run-order.ts';

/** What running a graph once takes. */
export interface GraphCost {
  /** Multiplications with an addition, of convolutions and matrix products: nearly all the work. */
  readonly multiplyAdds: number;
  /** The most bytes of results but the outputs that are needed at one time. */
  readonly peakBytes: number;
}

/**
 * The graphs of which one run of a graph runs one: its branches and those within them, or itself where it
 * has none.
 */
export function branchesOf(graph: Graph): readonly [Graph, ...Graph[]] {
  const [first = graph, ...others] = graph.nodes.flatMap(({ attributes }) =>
    [attributes.then_branch, attributes.else_branch].flatMap((branch) =>
      branch instanceof Graph ? branchesOf(branch) : [],
    ),
  );
  return [first, ...others];
}

/** The cost of a graph whose branches, if it has any, are counted apart. */
export function graphCost(graph: Graph): GraphCost {
  const multiplyAdds = graph.nodes.reduce((sum, node) => sum + nodeMultiplyAdds(node), 0);
  return { multiplyAdds, peakBytes: peakBytes(graph) };
}

function nodeMultiplyAdds({ opType, inputs, outputs }: Node): number {
  const [a, b] = inputs;
  const [output] = outputs;
  if (!a || !b || !output) return 0;
  switch (opType) {
    case 'Conv':
      return elementCount(output.shape) * elementCount(b.shape.slice(1));
    case 'ConvTranspose':
      return elementCount(a.shape) * elementCount(b.shape.slice(1));
    case 'MatMul':
    case 'Gemm':
      // Of a transposed Gemm too: rows · columns · what is summed over, by the number of elements.
      return opType === 'MatMul'
        ? elementCount(output.shape) * dimAt(a.shape, -1)
        : Math.sqrt(elementCount(a.shape) * elementCount(b.shape) * elementCount(output.shape));
    default:
      return 0;
  }
}

/** A view of another tensor's memory, as the runtime makes it. */
const views = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity']);

function peakBytes(graph: Graph): number {
  const nodes = runOrder(graph);
  const owners = new Map<Value, Value>();
  const ownerOf = (value: Value): Value => owners.get(value) ?? value;
  const lastUse = new Map<Value, number>();
  nodes.forEach((node, index) => {
    const [source] = node.inputs;
    const [view] = node.outputs;
    if (views.has(node.opType) && source && view) owners.set(view, ownerOf(source));
    for (const input of node.inputs) if (input) lastUse.set(ownerOf(input), index);
    for (const output of node.outputs) lastUse.set(ownerOf(output), index);
  });
  const outputs = new Set(graph.outputs.map(ownerOf));

  const endingAt: Value[][] = [];
  for (const [value, index] of lastUse) (endingAt[index] ??= []).push(value);
  const made = new Set<Value>();
  let live = 0;
  let peak = 0;
  nodes.forEach((node, index) => {
    for (const output of node.outputs) {
      if (owners.has(output) || outputs.has(output)) continue;
      made.add(output);
      live += byteLength(output);
    }
    peak = Math.max(peak, live);
    for (const value of endingAt[index] ?? []) if (made.has(value)) live -= byteLength(value);
  });
  return peak;
}

/** A tensor that a device takes as one buffer. */
export interface LargeTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly bytes: number;
}

/** The largest tensor of a graph and its branches: an input, a weight or a result. */
export function largestTensor(graph: Graph): LargeTensor {
  let largest: LargeTensor = { name: '', shape: [], bytes: 0 };
  const see = (value: Value) => {
    const { name, shape } = value;
    const bytes = byteLength(value);
    if (bytes > largest.bytes) largest = { name, shape, bytes };
  };
  const seeGraph = ({ inputs, initializers, nodes }: Graph) => {
    for (const value of [...inputs, ...initializers.keys()]) see(value);
    for (const { outputs, attributes } of nodes) {
      for (const output of outputs) see(output);
      for (const attribute of Object.values(attributes)) {
        if (attribute instanceof Graph) seeGraph(attribute);
      }
    }
  };
  seeGraph(graph);
  return largest;
}

function byteLength({ type, shape }: Value): number {
  return elementCount(shape) * elementTypes[type].bytes;
}
