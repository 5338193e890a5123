import { AppError } from '../errors.ts';
import { isFloating } from '../onnx/element-type.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import { Graph, type Node, type Segment, type Value } from '../onnx/graph.ts';
import { elementCount } from '../tensor/shape.ts';
import { vjpRules } from './rules/index.ts';
import { unbroadcast } from './unbroadcast.ts';

/**
 * Emits the gradient of a scalar with respect to each of `parameters` into the same graph
 * (reverse-mode differentiation by source transformation). Only nodes between a parameter and the
 * loss are differentiated. Nodes in a recomputed segment are emitted again where a rule needs
 * their results.
 *
 * @param loss a scalar: shape [] or [1]
 * @param parameters any values of the graph, intermediate ones included; one may be listed twice
 * @returns one value for each parameter, in their order and of their shapes
 * @throws graph.no-gradient where an operator on the way has no rule, or the loss does not depend
 *   on a parameter; graph.invalid where the loss is no scalar
 */
export function gradients(g: GraphBuilder, loss: Value, parameters: readonly Value[]): Value[] {
  if (elementCount(loss.shape) !== 1) {
    const shape = loss.shape.join();
    throw new AppError('graph.invalid', `the loss ${loss.name} is no scalar: shape [${shape}]`);
  }
  const nodes = [...g.graph.nodes];
  const active = dependents(nodes, parameters);
  const residuals = new Residuals(g);
  const cotangents = new Cotangents(g);

  return g.scope('grad', () => {
    cotangents.contribute(loss, g.constant([1], loss.shape, loss.type));
    for (const node of nodes.reverse()) {
      if (!readsAny(node, active)) continue;
      const cts = node.outputs.map((value) => cotangents.of(value));
      const ct = cts.find((value) => value !== null);
      if (ct) propagate({ g, node, ct, cts, residuals, active }, cotangents);
    }
    return parameters.map((parameter) => {
      const gradient = cotangents.of(parameter);
      if (gradient) return gradient;
      throw new AppError('graph.no-gradient', `the loss does not depend on ${parameter.name}`);
    });
  });
}

interface Step {
  readonly g: GraphBuilder;
  readonly node: Node;
  readonly ct: Value;
  readonly cts: readonly (Value | null)[];
  readonly residuals: Residuals;
  readonly active: ReadonlySet<Value>;
}

/** Emits the cotangents of one node's active operands. */
function propagate(step: Step, cotangents: Cotangents): void {
  const { g, node, ct, cts, residuals, active } = step;
  const rule = vjpRules[node.opType];
  if (!rule) {
    throw new AppError(
      'graph.no-gradient',
      `operator ${node.opType} (node ${node.name}) has no gradient rule: add src/autodiff/rules/`,
    );
  }
  const thunks = rule({
    g,
    node,
    ct,
    cts,
    input: (index) => residuals.get(node.inputs[index], node),
    output: (index) => residuals.get(node.outputs[index], node),
  });
  node.inputs.forEach((operand, index) => {
    if (!operand || !active.has(operand)) return;
    const thunk = thunks[index];
    if (!thunk) {
      throw new AppError(
        'graph.no-gradient',
        `operator ${node.opType} (node ${node.name}) is not differentiable in input ${index}`,
      );
    }
    cotangents.contribute(operand, unbroadcast(g, thunk(), operand.shape));
  });
}

/** Values that depend on a parameter, the parameters included. */
function dependents(nodes: readonly Node[], parameters: readonly Value[]): Set<Value> {
  const active = new Set(parameters);
  for (const node of nodes) {
    if (!readsAny(node, active)) continue;
    for (const output of node.outputs) {
      if (isFloating(output.type)) active.add(output);
    }
  }
  return active;
}

/** Whether a node reads one of `values`, as an input or from inside a branch of an `If`. */
function readsAny(node: Node, values: ReadonlySet<Value>): boolean {
  const branches = Object.values(node.attributes).filter((attribute) => attribute instanceof Graph);
  return (
    node.inputs.some((value) => value !== null && values.has(value)) ||
    branches.some((branch) => branch.nodes.some((inner) => readsAny(inner, values)))
  );
}

/** The cotangent of each value: what its users contribute, added up when it is asked for. */
class Cotangents {
  private readonly g: GraphBuilder;
  private readonly parts = new Map<Value, Value[]>();

  constructor(g: GraphBuilder) {
    this.g = g;
  }

  contribute(value: Value, contribution: Value): void {
    const parts = this.parts.get(value);
    if (parts) parts.push(contribution);
    else this.parts.set(value, [contribution]);
  }

  /** The sum of the contributions; null where the loss does not depend on `value`. */
  of(value: Value): Value | null {
    const parts = this.parts.get(value);
    if (!parts) return null;
    const sum = parts.reduce((total, part) => this.g.add(total, part));
    this.parts.set(value, [sum]);
    return sum;
  }
}

/** Forward values as the backward pass sees them: stored, or computed again. */
class Residuals {
  private readonly g: GraphBuilder;
  private readonly replayed = new Map<Segment, Map<Value, Value>>();

  constructor(g: GraphBuilder) {
    this.g = g;
  }

  get(value: Value | null | undefined, user: Node): Value {
    if (!value)
      throw new AppError('graph.invalid', `${user.name}: an absent operand was asked for`);
    return this.seenFrom(user.segment, value);
  }

  /**
   * `value` where the backward pass of a segment needs it: what is made in the segment is computed
   * once more, from what the segment around it has computed once more.
   */
  private seenFrom(segment: Segment | null, value: Value): Value {
    if (!segment) return value;
    const { producer } = value;
    if (!producer?.segment?.isWithin(segment)) return this.seenFrom(segment.outer, value);
    const replayed = this.replayed.get(segment) ?? new Map<Value, Value>();
    this.replayed.set(segment, replayed);
    const known = replayed.get(value);
    if (known) return known;
    const inputs = producer.inputs.map((input) => input && this.seenFrom(segment, input));
    const outputs = this.g.replay(producer, inputs);
    producer.outputs.forEach((original, i) => {
      const again = outputs[i];
      if (again) replayed.set(original, again);
    });
    return replayed.get(value) ?? value;
  }
}
