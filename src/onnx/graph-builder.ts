import { AppError } from '../errors.ts';
import { elementTypes, type ElementType } from './element-type.ts';
import {
  Graph,
  Segment,
  Value,
  type Attributes,
  type ExternalData,
  type InitializerData,
  type Node,
} from './graph.ts';
import { encodeElements } from './encode-elements.ts';
import { inferOutputs } from './shape-inference.ts';
import { dimAt } from './shape.ts';
import { elementCount, isSameShape, type Shape } from '../tensor/shape.ts';

/**
 * What of the forward pass the backward pass computes again instead of keeping it in memory: nothing,
 * the parts that are large and quickly made, or whole blocks too, of which then only the inputs are
 * kept (Chen et al. 2016, arXiv 1604.06174).
 */
export type Recomputation = 'nothing' | 'parts' | 'blocks';

/** Where nodes are emitted to: parts of their names, and what is computed again with them. */
interface Place {
  readonly path: readonly string[];
  readonly block: Segment | null;
  readonly segment: Segment | null;
}

/** Names given out so far, shared by a graph and its subgraphs: ONNX forbids shadowing. */
interface NameScope {
  readonly counts: Map<string, number>;
}

/**
 * Appends nodes to a graph and infers what they make. Constants are shared: the same elements of
 * the same type and shape are one initializer.
 */
export class GraphBuilder {
  readonly graph: Graph;
  private readonly names: NameScope;
  private readonly parent: GraphBuilder | null;
  private readonly constants = new Map<string, Value>();
  private path: readonly string[] = [];
  private block: Segment | null = null;
  private segment: Segment | null = null;
  private readonly recomputes: Recomputation;

  constructor(
    name: string,
    {
      parent = null,
      recomputes = 'parts',
    }: { parent?: GraphBuilder | null; recomputes?: Recomputation } = {},
  ) {
    this.graph = new Graph(name);
    this.parent = parent;
    this.recomputes = recomputes;
    this.names = parent?.names ?? { counts: new Map() };
  }

  /** A builder for a branch of an `If`, which sees the values of this graph. */
  subgraph(name: string): GraphBuilder {
    return new GraphBuilder(name, { parent: this, recomputes: this.recomputes });
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value = new Value(this.uniqueName(name), type, shape);
    this.graph.inputs.push(value);
    return value;
  }

  /**
   * An input that has a row for each of what is computed. Where memory counts, the runtime is not told
   * how many there are. It would otherwise plan for each result which later one of the same shape gets
   * its memory, and hold that until then, through most of a backward pass: 0.6 of 2.6 GB for a
   * low-rank change of SD 1.5 at 512 pixels (ONNX Runtime 1.30.0, core/framework/allocation_planner.cc,
   * `FindReusableTensor`).
   */
  rows(name: string, type: ElementType, shape: Shape): Value {
    const value = this.input(name, type, shape);
    if (this.recomputes !== 'nothing') this.graph.openInputs.add(value);
    return value;
  }

  /**
   * Makes `value` an output called `name`, which must be free.
   *
   * @param isOpen whether it comes from branches that make it of different shapes
   */
  output(name: string, value: Value, { isOpen = false }: { isOpen?: boolean } = {}): void {
    const isFresh = value.producer !== null && this.graph.nodes.includes(value.producer);
    // Inputs, constants and values of an outer graph cannot be outputs themselves.
    const output =
      isFresh && !this.graph.outputs.includes(value) ? value : this.op('Identity', [value]);
    output.name = this.uniqueName(name);
    this.graph.outputs.push(output);
    if (isOpen) this.graph.openOutputs.add(output);
  }

  /** A tensor whose bytes the runtime reads from a file; `name` must be free. */
  external(name: string, type: ElementType, shape: Shape, data: ExternalData): Value {
    return this.initializer(name, { type, shape, data });
  }

  /** A float32 tensor carried in the model; `name` must be free. */
  carried(name: string, elements: Float32Array, shape: Shape): Value {
    const data = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    return this.initializer(name, { type: 'float32', shape, data });
  }

  /** A small tensor carried in the model. Integer types take whole numbers. */
  constant(elements: readonly number[], shape: Shape, type: ElementType): Value {
    const key = `${type}[${shape.join()}]:${elements.join()}`;
    const known = this.findConstant(key);
    if (known) return known;
    if (elements.length !== elementCount(shape)) {
      throw new AppError(
        'graph.invalid',
        `a constant of shape [${shape.join()}] needs ${elementCount(shape)} elements, got ${elements.length}`,
      );
    }
    const data = encodeElements(elements, type);
    const value = this.initializer('const', { type, shape, data });
    value.constant = elements;
    this.constants.set(key, value);
    return value;
  }

  /** A scalar of the same type as `like`. */
  scalar(element: number, like: Value): Value {
    return this.constant([element], [], like.type);
  }

  /** An int64 vector: shapes, axes, slice bounds. */
  indices(...elements: number[]): Value {
    return this.constant(elements, [elements.length], 'int64');
  }

  /** Applies an operator that has one output. */
  op(opType: string, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value {
    return this.emit(opType, inputs, attributes, [opType.toLowerCase()]);
  }

  /** Applies an operator and returns its first `count` outputs. */
  ops(
    opType: string,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    count: number,
  ): Value[] {
    const names = Array.from({ length: count }, () => opType.toLowerCase());
    return this.emitAll(opType, inputs, attributes, names);
  }

  /**
   * Runs one of two branches: graphs without inputs, with equally many outputs of the same types.
   * @returns values with the types and shapes of the outputs of `then`
   */
  choose(condition: Value, branches: { then: Graph; else: Graph }): Value[] {
    const outputs = branches.then.outputs.map(
      ({ type, shape }) => new Value(this.uniqueName(this.scopedName('if')), type, shape),
    );
    const attributes = { then_branch: branches.then, else_branch: branches.else };
    this.append('If', [condition], attributes, outputs);
    return outputs;
  }

  /** Names the nodes that `build` emits after a part of the model. */
  scope<T>(name: string, build: () => T): T {
    return this.emittingTo({ path: [...this.path, name] }, build);
  }

  /**
   * The backward pass computes again what `build` emits instead of keeping it in memory, unless it
   * keeps everything. A part inside another is none of its own.
   */
  recomputed<T>(name: string, build: () => T): T {
    if (this.recomputes === 'nothing' || this.segment !== this.block) return build();
    return this.emittingTo({ segment: new Segment(name, this.block) }, build);
  }

  /** The same of a whole block of the model, which has parts: only where blocks are computed again. */
  recomputedBlock<T>(name: string, build: () => T): T {
    if (this.recomputes !== 'blocks') return build();
    const block = new Segment(name);
    return this.emittingTo({ block, segment: block }, build);
  }

  /**
   * Emits outside the current scope and segment, what the whole graph shares: a weight's cast must
   * not be repeated in the backward pass because a recomputed segment was the first to need it.
   */
  shared<T>(build: () => T): T {
    return this.emittingTo({ path: [], block: null, segment: null }, build);
  }

  /** Runs `build` while nodes are emitted to another place. */
  private emittingTo<T>(place: Partial<Place>, build: () => T): T {
    const { path, block, segment } = this;
    Object.assign(this, place);
    try {
      return build();
    } finally {
      Object.assign(this, { path, block, segment });
    }
  }

  /** Emits `node` once more on other inputs. */
  replay(node: Node, inputs: readonly (Value | null)[]): readonly Value[] {
    const names = node.outputs.map((value) => `${value.name}/again`);
    const outputs = node.outputs.map(
      ({ type, shape }, i) => new Value(this.uniqueName(names[i] ?? 'again'), type, shape),
    );
    this.append(node.opType, inputs, node.attributes, outputs);
    return outputs;
  }

  add(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  sub(a: Value, b: Value): Value {
    return this.op('Sub', [a, b]);
  }

  mul(a: Value, b: Value): Value {
    return this.op('Mul', [a, b]);
  }

  div(a: Value, b: Value): Value {
    return this.op('Div', [a, b]);
  }

  matMul(a: Value, b: Value): Value {
    return this.op('MatMul', [a, b]);
  }

  /** x in another shape; a reshaped x is reshaped from what it was. */
  reshape(x: Value, shape: Shape): Value {
    if (isSameShape(x.shape, shape)) return x;
    // Folded here because WebGPU has no Reshape for int64.
    if (x.constant) return this.constant(x.constant, shape, x.type);
    const source = x.producer?.opType === 'Reshape' ? x.producer.inputs[0] : null;
    if (source) return this.reshape(source, shape);
    if (elementCount(x.shape) !== elementCount(shape)) {
      throw new AppError('graph.invalid', `Reshape of [${x.shape.join()}] to [${shape.join()}]`);
    }
    // The runtime is told all but the first dimension: see `rows`.
    const [first, ...rest] = shape;
    const isFound = first !== undefined && elementCount(shape) > 0;
    return this.op('Reshape', [x, this.indices(...(isFound ? [-1, ...rest] : shape))]);
  }

  transpose(x: Value, perm: readonly number[]): Value {
    const isMoved = (axis: number) => x.shape[axis] !== 1;
    const moved = perm.filter(isMoved);
    // Where only axes of size 1 change places the elements keep their order.
    if (moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? 0))) {
      return this.reshape(
        x,
        perm.map((axis) => dimAt(x.shape, axis)),
      );
    }
    return this.op('Transpose', [x], { perm });
  }

  concat(parts: readonly Value[], axis: number): Value {
    return this.op('Concat', parts, { axis });
  }

  /** Elements `start` to `end` (exclusive) along one axis. */
  slice(x: Value, axis: number, start: number, end: number): Value {
    const bounds = [start, end, axis].map((index) => this.indices(index));
    return this.op('Slice', [x, ...bounds]);
  }

  reduceSum(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.op('ReduceSum', [x, this.indices(...axes)], { keepdims: keepdims ? 1 : 0 });
  }

  reduceMean(x: Value, axes: readonly number[], keepdims = true): Value {
    return this.op('ReduceMean', [x, this.indices(...axes)], { keepdims: keepdims ? 1 : 0 });
  }

  cast(x: Value, type: ElementType): Value {
    return x.type === type ? x : this.op('Cast', [x], { to: elementTypes[type].code });
  }

  private emit(
    opType: string,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    names: readonly string[],
  ): Value {
    const [output] = this.emitAll(opType, inputs, attributes, names);
    if (!output) throw new AppError('graph.invalid', `${opType} has no output`);
    return output;
  }

  private emitAll(
    opType: string,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    names: readonly string[],
  ): Value[] {
    const types = inferOutputs(opType, inputs, attributes);
    const outputs = types.slice(0, names.length).map(({ type, shape }, i) => {
      return new Value(this.uniqueName(this.scopedName(names[i] ?? opType)), type, shape);
    });
    this.append(opType, inputs, attributes, outputs);
    return outputs;
  }

  private append(
    opType: string,
    inputs: readonly (Value | null)[],
    attributes: Attributes,
    outputs: readonly Value[],
  ): void {
    const name = outputs[0]?.name ?? opType;
    const node: Node = { name, opType, inputs, outputs, attributes, segment: this.segment };
    for (const output of outputs) output.producer = node;
    this.graph.nodes.push(node);
  }

  private initializer(
    name: string,
    { type, shape, data }: { type: ElementType; shape: Shape; data: InitializerData },
  ): Value {
    const value = new Value(this.uniqueName(name), type, shape);
    this.graph.initializers.set(value, data);
    return value;
  }

  private findConstant(key: string): Value | undefined {
    return this.constants.get(key) ?? this.parent?.findConstant(key);
  }

  private scopedName(name: string): string {
    return [...this.path, name].join('/');
  }

  private uniqueName(name: string): string {
    const count = this.names.counts.get(name) ?? 0;
    this.names.counts.set(name, count + 1);
    return count === 0 ? name : this.uniqueName(`${name}_${count}`);
  }
}
