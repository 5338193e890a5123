import type { ElementType } from './element-type.ts';
import type { Shape } from '../tensor/shape.ts';

/**
 * What an ONNX attribute holds. Numbers are written as INT (FLOAT for the few names in
 * `floatAttributes`), number lists as INTS, strings as STRING, graphs as GRAPH.
 */
export type Attribute = number | readonly number[] | string | Graph;
export type Attributes = Readonly<Record<string, Attribute>>;

/** Where the bytes of an initializer lie in a file that the runtime maps itself. */
export interface ExternalData {
  /** File name relative to the folder given to the session. */
  readonly location: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** A constant's bytes: carried in the model, or a range of a file. */
export type InitializerData = Uint8Array | ExternalData;

/** One tensor in a graph: an input, an initializer or the output of a node. */
export class Value {
  /** Unique in the model; an output of the graph takes the name it is asked for. */
  name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  /** The node that makes this value; null for inputs and initializers. */
  producer: Node | null = null;
  /** The elements of a small constant, for shape inference (shapes, axes, slice bounds). */
  constant: readonly number[] | null = null;

  constructor(name: string, type: ElementType, shape: Shape) {
    this.name = name;
    this.type = type;
    this.shape = shape;
  }
}

/**
 * Nodes marked with one segment are computed again in the backward pass instead of stored. One inside
 * another is computed again from what the outer one has computed again.
 */
export class Segment {
  readonly name: string;
  readonly outer: Segment | null;

  constructor(name: string, outer: Segment | null = null) {
    this.name = name;
    this.outer = outer;
  }

  /** Whether this is `segment` or lies inside it. */
  isWithin(segment: Segment): boolean {
    return this === segment || (this.outer?.isWithin(segment) ?? false);
  }
}

/** One application of an operator. An absent optional input is null. */
export interface Node {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  readonly segment: Segment | null;
}

/** A graph in static single assignment form; `nodes` are in topological order. */
export class Graph {
  readonly name: string;
  readonly inputs: Value[] = [];
  /** Inputs of which the runtime is not told the first dimension. */
  readonly openInputs = new Set<Value>();
  readonly outputs: Value[] = [];
  /** Outputs of which the runtime is told the rank alone: branches make them of different shapes. */
  readonly openOutputs = new Set<Value>();
  readonly initializers = new Map<Value, InitializerData>();
  readonly nodes: Node[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

/** The operator set that every graph is written for. */
export const opsetVersion = 21;
