import { AppError } from '../errors.ts';
import { elementTypes, type ElementType } from './element-type.ts';
import type { Attributes, Value } from './graph.ts';
import { broadcastShapes, dimAt, normalizeAxis } from './shape.ts';
import { elementCount, type Shape } from '../tensor/shape.ts';

/** Type and shape of one output. */
export interface ValueType {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** The operands and attributes of one node, with the checks that every rule needs. */
class NodeSignature {
  readonly opType: string;
  readonly inputs: readonly (Value | null)[];
  readonly attributes: Attributes;

  constructor(opType: string, inputs: readonly (Value | null)[], attributes: Attributes) {
    this.opType = opType;
    this.inputs = inputs;
    this.attributes = attributes;
  }

  input(index: number): Value {
    const value = this.inputs[index];
    if (!value) throw new AppError('graph.invalid', `${this.opType} lacks input ${index}`);
    return value;
  }

  /** The elements of a constant integer input, or undefined where the input is absent. */
  constant(index: number): readonly number[] | undefined {
    const value = this.inputs[index];
    if (!value) return undefined;
    if (!value.constant) {
      throw new AppError('graph.invalid', `${this.opType}: input ${index} must be a constant`);
    }
    return value.constant;
  }

  int(name: string, fallback: number): number {
    const value = this.attributes[name];
    return typeof value === 'number' ? value : fallback;
  }

  ints(name: string, fallback: readonly number[]): readonly number[] {
    const value = this.attributes[name];
    return Array.isArray(value) ? (value as readonly number[]) : fallback;
  }
}

type InferenceRule = (node: NodeSignature) => readonly ValueType[];

const sameAsFirst: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  return [{ type, shape }];
};

const broadcast: InferenceRule = (node) => {
  const shapes = node.inputs.map((_, i) => node.input(i).shape);
  return [{ type: node.input(0).type, shape: shapes.reduce(broadcastShapes) }];
};

const comparison: InferenceRule = (node) => [
  { type: 'bool', shape: broadcastShapes(node.input(0).shape, node.input(1).shape) },
];

const reduction: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const axes = (node.constant(1) ?? shape.map((_, axis) => axis)).map((a) =>
    normalizeAxis(a, shape.length),
  );
  const keep = node.int('keepdims', 1) === 1;
  return [
    {
      type,
      shape: keep
        ? shape.map((dim, i) => (axes.includes(i) ? 1 : dim))
        : shape.filter((_, i) => !axes.includes(i)),
    },
  ];
};

const matMul: InferenceRule = (node) => {
  const a = node.input(0);
  const b = node.input(1);
  const areMatrices = a.shape.length >= 2 && b.shape.length >= 2;
  if (!areMatrices || dimAt(a.shape, -1) !== dimAt(b.shape, -2)) {
    throw new AppError(
      'graph.invalid',
      `MatMul of [${a.shape.join()}] (${a.name}) and [${b.shape.join()}] (${b.name})`,
    );
  }
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return [{ type: a.type, shape: [...batch, dimAt(a.shape, -2), dimAt(b.shape, -1)] }];
};

const gemm: InferenceRule = (node) => {
  const a = node.input(0);
  const b = node.input(1);
  const [rows, innerA] = node.int('transA', 0) ? [-1, -2] : [-2, -1];
  const [innerB, columns] = node.int('transB', 0) ? [-1, -2] : [-2, -1];
  if (dimAt(a.shape, innerA) !== dimAt(b.shape, innerB)) {
    throw new AppError(
      'graph.invalid',
      `Gemm of [${a.shape.join()}] (${a.name}) and [${b.shape.join()}] (${b.name})`,
    );
  }
  return [{ type: a.type, shape: [dimAt(a.shape, rows), dimAt(b.shape, columns)] }];
};

/** Pads as [begin, end] for each spatial axis. */
function spatialPads(node: NodeSignature, rank: number): readonly (readonly [number, number])[] {
  const pads = node.ints('pads', []);
  return Array.from({ length: rank }, (_, i) => [pads[i] ?? 0, pads[i + rank] ?? 0] as const);
}

const conv: InferenceRule = (node) => {
  const x = node.input(0);
  const w = node.input(1);
  const kernel = w.shape.slice(2);
  if (dimAt(x.shape, 1) !== dimAt(w.shape, 1) * node.int('group', 1)) {
    throw new AppError('graph.invalid', `Conv of [${x.shape.join()}] with [${w.shape.join()}]`);
  }
  const pads = spatialPads(node, kernel.length);
  const spatial = kernel.map((size, i) => {
    const [begin, end] = pads[i] ?? [0, 0];
    const stride = node.ints('strides', [])[i] ?? 1;
    const dilation = node.ints('dilations', [])[i] ?? 1;
    const extent = dimAt(x.shape, i + 2) + begin + end - dilation * (size - 1) - 1;
    return Math.floor(extent / stride) + 1;
  });
  return [{ type: x.type, shape: [dimAt(x.shape, 0), dimAt(w.shape, 0), ...spatial] }];
};

const convTranspose: InferenceRule = (node) => {
  const x = node.input(0);
  const w = node.input(1);
  const kernel = w.shape.slice(2);
  const pads = spatialPads(node, kernel.length);
  const spatial = kernel.map((size, i) => {
    const [begin, end] = pads[i] ?? [0, 0];
    const stride = node.ints('strides', [])[i] ?? 1;
    const extra = node.ints('output_padding', [])[i] ?? 0;
    return stride * (dimAt(x.shape, i + 2) - 1) + extra + size - begin - end;
  });
  const channels = dimAt(w.shape, 1) * node.int('group', 1);
  return [{ type: x.type, shape: [dimAt(x.shape, 0), channels, ...spatial] }];
};

const averagePool: InferenceRule = (node) => {
  const x = node.input(0);
  const kernel = node.ints('kernel_shape', []);
  const strides = node.ints('strides', []);
  const spatial = kernel.map(
    (size, i) => Math.floor((dimAt(x.shape, i + 2) - size) / (strides[i] ?? 1)) + 1,
  );
  return [{ type: x.type, shape: [...x.shape.slice(0, 2), ...spatial] }];
};

const layerNormalization: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const axis = normalizeAxis(node.int('axis', -1), shape.length);
  // Whatever the type of x, the statistics are float32 (the operator's stash_type).
  const statistics = {
    type: 'float32',
    shape: shape.map((dim, i) => (i < axis ? dim : 1)),
  } as const;
  return [{ type, shape }, statistics, statistics];
};

const reshape: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const target = node.constant(1) ?? [];
  const known = target.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const result = target.map((dim) => (dim === -1 ? elementCount(shape) / known : dim));
  if (elementCount(result) !== elementCount(shape)) {
    throw new AppError('graph.invalid', `Reshape of [${shape.join()}] to [${target.join()}]`);
  }
  return [{ type, shape: result }];
};

const transpose: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const reversed = shape.map((_, axis) => shape.length - 1 - axis);
  return [{ type, shape: node.ints('perm', reversed).map((axis) => dimAt(shape, axis)) }];
};

const concat: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const axis = normalizeAxis(node.int('axis', 0), shape.length);
  const total = node.inputs.reduce((sum, _, i) => sum + dimAt(node.input(i).shape, axis), 0);
  return [{ type, shape: shape.map((dim, i) => (i === axis ? total : dim)) }];
};

const split: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const axis = normalizeAxis(node.int('axis', 0), shape.length);
  const sizes = node.constant(1);
  if (!sizes) throw new AppError('graph.invalid', `Split of ${node.input(0).name} without sizes`);
  return sizes.map((size) => ({
    type,
    shape: shape.map((dim, i) => (i === axis ? size : dim)),
  }));
};

/** How many elements `start:end:step` takes of `dim`, with ONNX's clamping. */
function sliceLength(dim: number, start: number, end: number, step: number): number {
  const low = step > 0 ? 0 : -1;
  const high = step > 0 ? dim : dim - 1;
  const clamp = (index: number) => Math.min(Math.max(index < 0 ? index + dim : index, low), high);
  return Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
}

const slice: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const starts = node.constant(1) ?? [];
  const ends = node.constant(2) ?? [];
  const axes = node.constant(3) ?? starts.map((_, axis) => axis);
  const steps = node.constant(4);
  const result = [...shape];
  axes.forEach((axis, i) => {
    const at = normalizeAxis(axis, shape.length);
    result[at] = sliceLength(dimAt(shape, at), starts[i] ?? 0, ends[i] ?? 0, steps?.[i] ?? 1);
  });
  return [{ type, shape: result }];
};

const pad: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const pads = node.constant(1) ?? [];
  const padded = shape.map((dim, i) => dim + (pads[i] ?? 0) + (pads[i + shape.length] ?? 0));
  return [{ type, shape: padded }];
};

const gather: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const axis = normalizeAxis(node.int('axis', 0), shape.length);
  const indices = node.input(1).shape;
  return [{ type, shape: [...shape.slice(0, axis), ...indices, ...shape.slice(axis + 1)] }];
};

const expand: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  return [{ type, shape: broadcastShapes(shape, node.constant(1) ?? []) }];
};

const resize: InferenceRule = (node) => {
  const { type, shape } = node.input(0);
  const sizes = node.constant(3);
  if (sizes) return [{ type, shape: sizes }];
  const scales = node.constant(2);
  if (!scales) throw new AppError('graph.invalid', 'Resize needs constant sizes or scales');
  return [{ type, shape: shape.map((dim, i) => Math.floor(dim * (scales[i] ?? 1))) }];
};

const where: InferenceRule = (node) => {
  const shapes = [0, 1, 2].map((i) => node.input(i).shape);
  return [{ type: node.input(1).type, shape: shapes.reduce(broadcastShapes) }];
};

const cast: InferenceRule = (node) => {
  const code = node.int('to', 0);
  const types = Object.keys(elementTypes) as ElementType[];
  const type = types.find((name) => elementTypes[name].code === code);
  if (!type) throw new AppError('graph.invalid', `Cast to unknown element type ${code}`);
  return [{ type, shape: node.input(0).shape }];
};

/** As many numbers as are quantized, of the type of their scale. */
const dequantizeLinear: InferenceRule = (node) => [
  { type: node.input(1).type, shape: node.input(0).shape },
];

const rules: Readonly<Record<string, InferenceRule>> = {
  Abs: sameAsFirst,
  Add: broadcast,
  AveragePool: averagePool,
  Cast: cast,
  Clip: sameAsFirst,
  Concat: concat,
  Conv: conv,
  ConvTranspose: convTranspose,
  Cos: sameAsFirst,
  DequantizeLinear: dequantizeLinear,
  Div: broadcast,
  Equal: comparison,
  Erf: sameAsFirst,
  Exp: sameAsFirst,
  Expand: expand,
  Gather: gather,
  Gelu: sameAsFirst,
  Gemm: gemm,
  Greater: comparison,
  Identity: sameAsFirst,
  InstanceNormalization: sameAsFirst,
  LayerNormalization: layerNormalization,
  Log: sameAsFirst,
  MatMul: matMul,
  Max: broadcast,
  Min: broadcast,
  Mul: broadcast,
  Neg: sameAsFirst,
  Pad: pad,
  Pow: broadcast,
  Reciprocal: sameAsFirst,
  ReduceMean: reduction,
  ReduceSum: reduction,
  ReduceSumSquare: reduction,
  Reshape: reshape,
  Resize: resize,
  ScatterND: sameAsFirst,
  Sigmoid: sameAsFirst,
  Sign: sameAsFirst,
  Sin: sameAsFirst,
  Slice: slice,
  Softmax: sameAsFirst,
  Split: split,
  Sqrt: sameAsFirst,
  Sub: broadcast,
  Tanh: sameAsFirst,
  Transpose: transpose,
  Where: where,
};

/**
 * Types and shapes of a node's outputs from those of its inputs.
 * @throws graph.invalid for an operator without a rule or operands that do not fit
 */
export function inferOutputs(
  opType: string,
  inputs: readonly (Value | null)[],
  attributes: Attributes,
): readonly ValueType[] {
  const rule = rules[opType];
  if (!rule) {
    throw new AppError('graph.invalid', `no shape inference for operator ${opType}`);
  }
  return rule(new NodeSignature(opType, inputs, attributes));
}
