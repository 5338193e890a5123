import { AppError } from '../errors.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Node, Value } from '../onnx/graph.ts';

/** What a rule may use: the node, its operands, its results and the cotangents of the results. */
export interface VjpContext {
  readonly g: GraphBuilder;
  readonly node: Node;
  /**
   * Operand `index`. Inside a recomputed segment this emits its computation again, so a rule asks
   * only for operands whose elements it needs; for types and shapes it reads `node`.
   */
  readonly input: (index: number) => Value;
  /** Result `index`, recomputed like an operand. */
  readonly output: (index: number) => Value;
  /** Cotangent of the first result. */
  readonly ct: Value;
  /** Cotangents of all results; null where the loss does not depend on one. */
  readonly cts: readonly (Value | null)[];
}

/**
 * The vector-Jacobian product of one operator: for each operand a thunk that emits its cotangent,
 * or null where the operator is not differentiable in it. Only the thunks that are needed are
 * called. A cotangent may have the broadcast shape; the engine sums it back to the operand's.
 */
export type VjpRule = (context: VjpContext) => readonly ((() => Value) | null)[];

/** Operand `index` of a node, which must be there. */
export function operand(node: Node, index: number): Value {
  const value = node.inputs[index];
  if (!value) throw new AppError('graph.invalid', `${node.name} lacks input ${index}`);
  return value;
}

/** An integer attribute. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  return typeof value === 'number' ? value : fallback;
}

/** An integer list attribute. */
export function intsAttribute(
  node: Node,
  name: string,
  fallback: readonly number[],
): readonly number[] {
  const value = node.attributes[name];
  return Array.isArray(value) ? (value as readonly number[]) : fallback;
}
