import { AppError } from '../errors.ts';
import { isFloating } from '../onnx/element-type.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Node, Segment, Value } from '../onnx/graph.ts';
import { vjpRules } from './rules/index.ts';
import { unbroadcast } from './unbroadcast.ts';

/**
 * Emits the gradient of a scalar with respect to each of `parameters` into the same graph
 * (reverse-mode differentiation by source transformation). Only nodes between a parameter and the
 * loss are differentiated. Nodes in a recomputed segment are emitted again where a rule needs
 * their results.
 *
 * @param loss a scalar: shape [] or [1]
 * @returns one value for each parameter, of its shape
 * @throws graph.no-gradient where an operator on the way has no rule, or the loss does not depend
 *   on a parameter
 */
export function gradients(g: GraphBuilder, loss: Value, parameters: readonly Value[]): Value[] {
  const seed = g.constant([1], loss.shape, loss.type);
  const cotangents = new Map<Value, Value[]>([[loss, [seed]]]);
  const nodes = [...g.graph.nodes];
  const active = dependents(nodes, parameters);
  const residuals = new Residuals(g);
  const take = (value: Value): Value | null => {
    const parts = cotangents.get(value);
    if (!parts) return null;
    cotangents.delete(value);
    return parts.reduce((sum, part) => g.add(sum, part));
  };
  const wanted = new Set(parameters);

  g.scope('grad', () => {
    for (const node of nodes.reverse()) {
      if (!node.outputs.some((value) => active.has(value))) continue;
      const cts = node.outputs.map(take);
      const ct = cts.find((value) => value !== null);
      if (!ct) continue;
      propagate({ g, node, ct, cts, residuals, active }, (operand, contribution) => {
        const parts = cotangents.get(operand);
        if (parts) parts.push(contribution);
        else cotangents.set(operand, [contribution]);
      });
    }
  });
  return [...wanted].map((parameter) => {
    const gradient = take(parameter);
    if (gradient) return gradient;
    throw new AppError('graph.no-gradient', `the loss does not depend on ${parameter.name}`);
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
function propagate(step: Step, contribute: (operand: Value, contribution: Value) => void): void {
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
    contribute(operand, unbroadcast(g, thunk(), operand.shape));
  });
}

/** Values that depend on a parameter, the parameters included. */
function dependents(nodes: readonly Node[], parameters: readonly Value[]): Set<Value> {
  const active = new Set(parameters);
  for (const node of nodes) {
    if (!node.inputs.some((value) => value !== null && active.has(value))) continue;
    for (const output of node.outputs) {
      if (isFloating(output.type)) active.add(output);
    }
  }
  return active;
}

/** Forward values as the backward pass sees them: stored, or computed again. */
class Residuals {
  private readonly g: GraphBuilder;
  private readonly replayed = new Map<Value, Value>();

  constructor(g: GraphBuilder) {
    this.g = g;
  }

  get(value: Value | null | undefined, user: Node): Value {
    if (!value)
      throw new AppError('graph.invalid', `${user.name}: an absent operand was asked for`);
    return user.segment ? this.within(user.segment, value) : value;
  }

  /** `value` if it enters the segment from outside, else its computation once more. */
  private within(segment: Segment, value: Value): Value {
    const { producer } = value;
    if (producer?.segment !== segment) return value;
    const known = this.replayed.get(value);
    if (known) return known;
    const inputs = producer.inputs.map((input) => input && this.within(segment, input));
    const outputs = this.g.replay(producer, inputs);
    producer.outputs.forEach((original, i) => {
      const again = outputs[i];
      if (again) this.replayed.set(original, again);
    });
    return this.replayed.get(value) ?? value;
  }
}
