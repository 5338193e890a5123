import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { LowRankChange, WeightSource } from './weights.ts';

/**
 * A part of a model: where it is emitted to and the checkpoint keys that it owns. Blocks are
 * functions of a module and their operands.
 */
export class Module {
  readonly g: GraphBuilder;
  private readonly weights: WeightSource;
  private readonly prefix: string;

  /** @param prefix what stands before the module's keys, with the last dot */
  constructor(g: GraphBuilder, weights: WeightSource, prefix: string) {
    this.g = g;
    this.weights = weights;
    this.prefix = prefix;
  }

  /** The part called `name`, as the reference implementation's attribute path has it. */
  child(name: string): Module {
    return new Module(this.g, this.weights, `${this.prefix}${name}.`);
  }

  /** Emits a child under its name: `build` gets it. */
  within<T>(name: string, build: (child: Module) => T): T {
    return this.g.scope(name, () => build(this.child(name)));
  }

  /** The weight `name` of this module, in the shape that the checkpoint has it. */
  weight(name: string): Value {
    return this.weights.get(this.prefix + name);
  }

  /** What is added to products with the weight `name`. */
  change(name: string): LowRankChange | null {
    return this.weights.change(this.prefix + name);
  }

  has(name: string): boolean {
    return this.weights.has(this.prefix + name);
  }
}
