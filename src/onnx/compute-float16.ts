import { elementTypes } from './element-type.ts';
import { encodeElements } from './encode-elements.ts';
import { Graph, type Node, Value } from './graph.ts';
import { madeBy, replaceNodes } from './replace-nodes.ts';

/*
 * Mixed precision as a change of a finished graph, forward and backward pass alike (Micikevicius et al.
 * 2018, arXiv 1710.03740): products, and what moves or adds their results, in float16; what sums up, divides
 * or has exponents in float32. Inputs and outputs of the graph stay as they are.
 */

/** Computed in float16 where anything they read is. All others are computed in float32. */
const halved = new Set(
  ['MatMul', 'Gemm', 'Conv', 'ConvTranspose', 'Add', 'Sub', 'Mul', 'Neg', 'Sigmoid', 'Tanh'].concat(
    [
      'Concat',
      'Split',
      'Slice',
      'Reshape',
      'Transpose',
      'Expand',
      'Squeeze',
      'Unsqueeze',
      'Identity',
    ],
    ['Pad', 'Resize', 'Gather', 'Where', 'Max', 'Min'],
  ),
);
/** Computed in float32, with results that float16 holds as well: they are kept in it. */
const bounded = new Set(['Softmax', 'LayerNormalization', 'InstanceNormalization']);
/** Products, which sum up themselves. */
const products = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose']);
/** What is done to a product on its way to an output or a sum. */
const between = new Set([
  'Add',
  'Sub',
  'Mul',
  'Neg',
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Identity',
]);

/**
 * Makes a graph compute in float16. Weights that are stored in it are read as they are; those stored
 * otherwise are cast once, as the runtime loads them.
 *
 * @param graph the outermost graph, complete, with float32 results; changed in place
 */
export function computeInFloat16(graph: Graph): void {
  const graphs = withBranches(graph);
  const weights = new HalfWeights(graph);
  for (const own of graphs) {
    if (branchesIn(own).length === 0) halve(own, weights);
  }
  const read = new Set(graphs.flatMap(({ nodes }) => nodes.flatMap(({ inputs }) => inputs)));
  const isRead = ({ outputs }: Node) =>
    outputs.some((output) => read.has(output) || graph.outputs.includes(output));
  replaceNodes(graph, [...weights.casts, ...graph.nodes].filter(isRead));
}

function branchesIn({ nodes }: Graph): Graph[] {
  return nodes.flatMap(({ attributes }) =>
    Object.values(attributes).filter((value) => value instanceof Graph),
  );
}

/** A graph, its branches and theirs. */
function withBranches(graph: Graph): Graph[] {
  return [graph, ...branchesIn(graph).flatMap(withBranches)];
}

/** The weights and constants of the outermost graph, in float16. */
class HalfWeights {
  /** To be made once, in the outermost graph. */
  readonly casts: Node[] = [];
  private readonly graph: Graph;
  private readonly known = new Map<Value, Value>();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  /** Whether a value is a weight of the model, not a number that the graph is written with. */
  has(value: Value): boolean {
    if (value.constant) return false;
    const [stored = value] = value.producer?.inputs ?? [];
    return stored !== null && this.graph.initializers.has(stored);
  }

  /** Null for what is neither. */
  find(value: Value): Value | null {
    const known = this.known.get(value);
    if (known) return known;
    const made = this.make(value);
    if (made) this.known.set(value, made);
    return made;
  }

  private make(value: Value): Value | null {
    if (value.constant) return this.constant(value, value.constant);
    if (this.graph.initializers.has(value)) return this.cast(value, value);
    const { producer } = value;
    const [stored] = producer?.inputs ?? [];
    if (!producer || !stored || !this.graph.initializers.has(stored)) return null;
    // What is taken out of 8 bits is so where it is read, and cast there.
    if (producer.opType !== 'Cast') return null;
    return stored.type === 'float16' ? stored : this.cast(value, stored);
  }

  private constant(value: Value, elements: readonly number[]): Value {
    const half = new Value(`${value.name}/half`, 'float16', value.shape);
    half.constant = elements;
    this.graph.initializers.set(half, encodeElements(elements, 'float16'));
    return half;
  }

  private cast(value: Value, stored: Value): Value {
    const half = new Value(`${value.name}/half`, 'float16', value.shape);
    this.casts.push(castNode(stored, half));
    return half;
  }
}

/** Rewrites the nodes of one graph, each where it stood, with the casts that it needs before it. */
function halve(graph: Graph, weights: HalfWeights): void {
  const exact = exactNodes(graph);
  /** What takes the place of a value in float16. */
  const halves = new Map<Value, Value>();
  const nodes: Node[] = [];
  let casts = 0;
  // At each use: a cast value would else be in memory until its last one.
  const cast = (value: Value, type: 'float16' | 'float32'): Value => {
    const result = new Value(`${value.name}/cast${casts++}`, type, value.shape);
    nodes.push(castNode(value, result));
    return result;
  };
  const asHalf = (value: Value) =>
    halves.get(value) ?? weights.find(value) ?? cast(value, 'float16');
  const asFull = (value: Value) => {
    const half = halves.get(value);
    return half ? cast(half, 'float32') : value;
  };
  const isHalved = (node: Node) =>
    halved.has(node.opType) &&
    !exact.has(node) &&
    floats(node).some((value) => halves.has(value) || weights.has(value));

  for (const node of graph.nodes) {
    const isHalf = isHalved(node);
    const own = new Map(
      [...new Set(floats(node))].map((input) => [input, isHalf ? asHalf(input) : asFull(input)]),
    );
    const inputs = node.inputs.map((input) => input && (own.get(input) ?? input));
    const kept = keptInHalf(graph, node, isHalf);
    const outputs = node.outputs.map((output) => {
      if (!isHalf && kept !== output) return output;
      if (output.type !== 'float32') return output;
      const type = isHalf ? 'float16' : 'float32';
      return new Value(`${output.name}/${isHalf ? 'half' : 'full'}`, type, output.shape);
    });
    nodes.push(madeBy({ ...node, inputs, outputs }));
    node.outputs.forEach((output, i) => {
      const made = outputs[i];
      if (!made || made === output) return;
      if (isHalf && graph.outputs.includes(output)) nodes.push(castNode(made, output));
      if (isHalf) halves.set(output, made);
      else halves.set(output, cast(made, 'float16'));
    });
  }
  replaceNodes(graph, nodes);
}

/** The result of a node in float32 that is kept in float16. */
function keptInHalf(graph: Graph, { opType, outputs }: Node, isHalf: boolean): Value | null {
  const [first] = outputs;
  if (isHalf || !bounded.has(opType) || !first || graph.outputs.includes(first)) return null;
  return first;
}

/** The inputs of a node that are computed with; the factors of a Resize are not. */
function floats({ opType, inputs }: Node): Value[] {
  return inputs
    .slice(0, opType === 'Resize' ? 1 : inputs.length)
    .filter((input) => input?.type === 'float32') as Value[];
}

/**
 * Nodes that could be halved and are not, as nothing but sums and outputs of the graph come of them: the
 * squares of a norm, which float16 would not hold, the products over all pixels that a gradient is.
 */
function exactNodes(graph: Graph): ReadonlySet<Node> {
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input) readers.set(input, [...(readers.get(input) ?? []), node]);
    }
  }
  const exact = new Set<Node>();
  const needsExact = (reader: Node) =>
    (!halved.has(reader.opType) && !bounded.has(reader.opType)) ||
    (exact.has(reader) && between.has(reader.opType));
  for (const node of graph.nodes.toReversed()) {
    if (!between.has(node.opType) && !products.has(node.opType)) continue;
    const isExact = node.outputs.every((output) => {
      const all = readers.get(output) ?? [];
      return (graph.outputs.includes(output) || all.length > 0) && all.every(needsExact);
    });
    if (isExact) exact.add(node);
  }
  return exact;
}

function castNode(value: Value, result: Value): Node {
  const attributes = { to: elementTypes[result.type].code };
  const node = {
    name: result.name,
    opType: 'Cast',
    inputs: [value],
    outputs: [result],
    attributes,
  };
  return madeBy({ ...node, segment: null });
}
