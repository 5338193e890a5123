import type { ElementType } from './element-type.ts';
import { elementCount } from '../tensor/shape.ts';
import { Graph, type Node, Value } from './graph.ts';
import { madeBy, replaceNodes } from './replace-nodes.ts';

/** The types of stored weights that a graph casts, or dequantizes, before it computes with them. */
export function castTypes(graph: Graph): ReadonlySet<ElementType> {
  return new Set(weightCasts(graph).map(({ stored }) => stored.type));
}

/**
 * How many elements are cast in a run of `branch`, of a graph or itself, where each stored weight is
 * cast wherever it is read.
 */
export function castElements(graph: Graph, branch: Graph): number {
  const casts = new Set<Value | null>(weightCasts(graph).map(({ cast }) => cast));
  const read = branch.nodes.flatMap(({ inputs }) => inputs.filter((input) => casts.has(input)));
  return read.reduce((sum, value) => sum + elementCount(value?.shape ?? []), 0);
}

/**
 * Casts stored weights, or takes them out of their 8 bits, where they are read instead of once: before
 * each node that reads one, in the branch of an `If` that the node is in. A cast weight is then in memory
 * for one node only, and for all others as it is stored, half as large in float16 and a quarter in 8 bits.
 *
 * @param graph the outermost graph, complete; changed in place
 */
export function castAtUse(graph: Graph): void {
  const casts = new Map(weightCasts(graph).map(({ cast, node }) => [cast, node]));
  const nodes = new Set(casts.values());
  replaceNodes(
    graph,
    graph.nodes.filter((node) => !nodes.has(node)),
  );
  castInside(graph, casts, { count: 0 });
}

interface WeightCast {
  readonly stored: Value;
  readonly cast: Value;
  readonly node: Node;
}

function weightCasts({ nodes, initializers }: Graph): WeightCast[] {
  return nodes.flatMap((node) => {
    const [stored] = node.inputs;
    const [cast] = node.outputs;
    const isCast = node.opType === 'Cast' || node.opType === 'DequantizeLinear';
    return isCast && stored && cast && initializers.has(stored) ? [{ stored, cast, node }] : [];
  });
}

function castInside(graph: Graph, casts: ReadonlyMap<Value, Node>, uses: { count: number }): void {
  // ONNX Runtime 1.30.0 goes back from a node to those that it reads, the last in the list first, and
  // runs them on the way back: what is to run last, right before its reader, has to be listed first.
  const own: Node[] = [];
  const nodes = graph.nodes.map((node) => {
    for (const branch of Object.values(node.attributes)) {
      if (branch instanceof Graph) castInside(branch, casts, uses);
    }
    if (!node.inputs.some((input) => input && casts.has(input))) return node;
    const inputs = node.inputs.map((input) => {
      const cast = input && casts.get(input);
      if (!cast) return input;
      const output = new Value(`${input.name}/use${uses.count++}`, input.type, input.shape);
      own.push(madeBy({ ...cast, name: output.name, outputs: [output] }));
      return output;
    });
    return madeBy({ ...node, inputs });
  });
  replaceNodes(graph, [...own, ...nodes]);
}
