import type { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Attributes, Value } from '../../src/onnx/graph.ts';

/** An operand to differentiate: its shape and the numbers to draw its elements from. */
export interface Operand {
  readonly shape: readonly number[];
  /** [-1.5, 1.5], [0.5, 2] (no pole near), or as `any` but 0.3 away from a kink at 0. */
  readonly range: 'any' | 'positive' | 'nonzero';
}

/**
 * How finely finite differences can see. `linear`: the operator is linear in each operand, so a
 * step of 1 has no truncation error; for operators without a float64 kernel on the CPU.
 */
type Precision = 'float64' | 'linear' | 'float32';

/** One small graph around one operator; all of its outputs count. */
export interface VjpCase {
  readonly form: string;
  readonly operands: readonly Operand[];
  readonly build: (g: GraphBuilder, ...operands: Value[]) => Value | Value[];
  readonly precision: Precision;
}

const any = (...shape: number[]): Operand => ({ shape, range: 'any' });
const positive = (...shape: number[]): Operand => ({ shape, range: 'positive' });
const nonzero = (...shape: number[]): Operand => ({ shape, range: 'nonzero' });

function row(
  form: string,
  operands: readonly Operand[],
  build: VjpCase['build'],
  precision: Precision = 'float64',
): VjpCase {
  return { form, operands, build, precision };
}

/** The operator applied to the case's operands. */
function apply(opType: string, attributes: Attributes = {}): VjpCase['build'] {
  return (g, ...operands) => g.op(opType, operands, attributes);
}

function unary(opType: string, operand = any, precision: Precision = 'float64'): VjpCase[] {
  return [row('every element', [operand(3, 7)], apply(opType), precision)];
}

function binary(opType: string, right = any): VjpCase[] {
  return [
    row('same shapes', [any(3, 5), right(3, 5)], apply(opType)),
    row('left broadcast in front', [any(5), right(2, 3, 5)], apply(opType)),
    row('right broadcast in the middle', [any(2, 3, 5), right(3, 1)], apply(opType)),
    row('both broadcast', [any(2, 1, 5), right(1, 3, 1)], apply(opType)),
    row('scalar on the right', [any(2, 3), right()], apply(opType)),
  ];
}

function reduction(opType: string): VjpCase[] {
  const reduce =
    (axes: number[] | null, keepdims: number): VjpCase['build'] =>
    (g, x) =>
      g.op(opType, axes ? [x, g.indices(...axes)] : [x], { keepdims });
  return [
    row('negative axis kept', [any(2, 3, 5)], reduce([-2], 1)),
    row('two axes dropped', [any(2, 3, 5)], reduce([0, 2], 0)),
    row('all axes dropped', [any(2, 3)], reduce(null, 0)),
    row('all axes kept', [any(2, 3)], reduce(null, 1)),
  ];
}

function conv(x: number[], w: number[], attributes: Attributes, bias = false): VjpCase {
  const operands = [any(...x), any(...w), ...(bias ? [any(w[0] ?? 0)] : [])];
  const form = `[${x.join()}] by [${w.join()}] ${JSON.stringify(attributes)}`;
  return row(bias ? `${form} and bias` : form, operands, apply('Conv', attributes), 'linear');
}

function gemm(transA: number, transB: number): VjpCase {
  const operands = [any(...(transA ? [5, 3] : [3, 5])), any(...(transB ? [4, 5] : [5, 4])), any(4)];
  return row(`transA ${transA}, transB ${transB}`, operands, apply('Gemm', { transA, transB }));
}

function resize(factors: number[], attributes: Attributes): VjpCase {
  const build: VjpCase['build'] = (g, x) => {
    const sizes = x.shape.map((dim, axis) => dim * (factors[axis - 2] ?? 1));
    return g.op('Resize', [x, null, null, g.indices(...sizes)], { mode: 'nearest', ...attributes });
  };
  const form = `by ${factors.join()} ${JSON.stringify(attributes)}`;
  return row(form, [any(1, 2, 3, 2)], build, 'linear');
}

/** Slice bounds of one axis. */
function slice(shape: number[], start: number, end: number, axis: number): VjpCase {
  return row(`${start} to ${end} of axis ${axis}`, [any(...shape)], (g, x) =>
    g.slice(x, axis, start, end),
  );
}

const leftUpper = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
const mask = (g: GraphBuilder) =>
  g.constant(
    Array.from({ length: 15 }, (_, i) => (i % 4 === 1 ? 0 : 1)),
    [3, 5],
    'bool',
  );

/** The forms of each operator whose gradients are checked: one row a form, at least one each. */
export const vjpCases: Readonly<Record<string, readonly VjpCase[]>> = {
  Abs: unary('Abs', nonzero),
  Add: [
    ...binary('Add'),
    row('one value twice', [any(3, 2)], (g, x) => g.add(x, x)),
    row('one value in three sums', [any(3, 2)], (g, x) =>
      g.add(g.add(x, x), g.add(x, g.mul(x, x))),
    ),
  ],
  Cast: [
    row('to float32', [any(3, 5)], (g, x) => g.op('Cast', [x], { to: 1 }), 'float32'),
    row(
      'to float64 and back',
      [any(3, 5)],
      (g, x) => g.op('Cast', [g.mul(g.cast(x, 'float64'), g.cast(x, 'float64'))], { to: 1 }),
      'float32',
    ),
  ],
  Concat: [
    row('three parts', [any(2, 1, 3), any(2, 4, 3), any(2, 2, 3)], apply('Concat', { axis: 1 })),
    row('negative axis', [any(2, 3), any(2, 2)], apply('Concat', { axis: -1 })),
    row('one value twice', [any(2, 3)], (g, x) => g.concat([x, g.mul(x, x), x], 0)),
  ],
  Conv: [
    conv([1, 3, 5, 6], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }, true),
    conv([2, 3, 4, 5], [5, 3, 1, 1], {}, true),
    conv([2, 2, 5, 4], [3, 2, 2, 2], { pads: [1, 1, 1, 1] }),
    conv([1, 2, 6, 8], [3, 2, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }),
    conv([1, 2, 7, 5], [3, 2, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }),
    conv([1, 2, 6, 6], [2, 2, 3, 3], { pads: [0, 0, 1, 1], strides: [2, 2] }),
    conv([1, 2, 5, 6], [3, 2, 2, 3], { pads: [1, 0, 0, 2], strides: [1, 2] }),
    conv([1, 2, 6, 4], [3, 2, 2, 2], { strides: [2, 2] }),
    conv([1, 2, 5, 4], [2, 2, 1, 1], { strides: [2, 2] }),
    conv([2, 3, 7], [2, 3, 3], { pads: [1, 1] }, true),
    // Large ones, whose input's gradient is a convolution itself.
    conv([2, 2, 32, 33], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }, true),
    conv([1, 2, 40, 33], [3, 2, 2, 3], { pads: [1, 0, 0, 2] }),
    conv([1, 3, 32, 32], [2, 3, 1, 1], {}, true),
    conv([1, 2, 66, 64], [2, 2, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] }),
  ],
  Cos: unary('Cos'),
  Div: binary('Div', positive),
  Erf: unary('Erf', any, 'float32'),
  Exp: unary('Exp'),
  Expand: [
    row('in front and inside', [any(3, 1)], (g, x) => g.op('Expand', [x, g.indices(2, 3, 5)])),
    row('a scalar', [any()], (g, x) => g.op('Expand', [x, g.indices(2, 3)])),
    row('to a shape that is smaller', [any(2, 3)], (g, x) => g.op('Expand', [x, g.indices(1)])),
  ],
  Gather: [
    row('a row three times', [any(5, 3)], (g, x) =>
      g.op('Gather', [x, g.constant([4, 0, 2, 2, 2, 1], [2, 3], 'int64')]),
    ),
    row('negative indices and axis', [any(5)], (g, x) =>
      g.op('Gather', [x, g.indices(-1, 0, -1)], { axis: -1 }),
    ),
    row('one scalar index', [any(4, 3)], (g, x) =>
      g.op('Gather', [x, g.constant([2], [], 'int64')]),
    ),
  ],
  Gelu: unary('Gelu', any, 'float32'),
  Gemm: [
    gemm(0, 0),
    gemm(0, 1),
    gemm(1, 0),
    gemm(1, 1),
    row('scaled', [any(3, 5), any(5, 4), any(3, 1)], apply('Gemm', { alpha: 0.5, beta: 1.5 })),
    row('no bias', [any(3, 5), any(5, 4)], apply('Gemm', { alpha: -2 })),
    row('scalar bias', [any(2, 3), any(3, 2), any()], apply('Gemm')),
  ],
  Identity: unary('Identity'),
  InstanceNormalization: [
    row(
      'an image',
      [any(2, 3, 4, 5), any(3), any(3)],
      apply('InstanceNormalization', { epsilon: 1e-5 }),
      'float32',
    ),
    row('a signal', [any(2, 3, 7), any(3), any(3)], apply('InstanceNormalization'), 'float32'),
  ],
  LayerNormalization: [
    // Its statistics are float32 even between float64.
    row('last axis', [any(2, 3, 7), any(7), any(7)], apply('LayerNormalization'), 'float32'),
    row(
      'no bias',
      [any(3, 5), any(5)],
      apply('LayerNormalization', { axis: -1, epsilon: 1e-2 }),
      'float32',
    ),
    row(
      'two axes',
      [any(2, 3, 5), any(3, 5), any(3, 5)],
      apply('LayerNormalization', { axis: 1 }),
      'float32',
    ),
  ],
  Log: unary('Log', positive),
  MatMul: [
    row('matrices', [any(3, 5), any(5, 4)], apply('MatMul')),
    row('batches', [any(2, 3, 4, 5), any(2, 3, 5, 2)], apply('MatMul')),
    row('batches broadcast', [any(2, 1, 3, 5), any(3, 5, 4)], apply('MatMul')),
    row('one matrix on the right', [any(2, 3, 5), any(5, 4)], apply('MatMul')),
    row('one matrix on the left', [any(3, 5), any(2, 5, 4)], apply('MatMul')),
    row('one value twice', [any(3, 3)], (g, x) => g.matMul(x, x)),
  ],
  Mul: [...binary('Mul'), row('one value twice', [any(3, 2)], (g, x) => g.mul(x, x))],
  Neg: unary('Neg'),
  Pow: [
    row('squares', [any(3, 5)], (g, x) => g.op('Pow', [x, g.scalar(2, x)])),
    row('roots', [positive(3, 5)], (g, x) => g.op('Pow', [x, g.scalar(0.5, x)])),
    row('an exponent a column', [positive(3, 2)], (g, x) =>
      g.op('Pow', [x, g.constant([3, -1], [2], x.type)]),
    ),
    row('whole exponents of another type', [any(3, 5)], (g, x) =>
      g.op('Pow', [x, g.constant([3], [], 'int64')]),
    ),
  ],
  Reciprocal: unary('Reciprocal', positive),
  ReduceMean: reduction('ReduceMean'),
  ReduceSum: reduction('ReduceSum'),
  ReduceSumSquare: reduction('ReduceSumSquare'),
  Reshape: [
    row('inferred size', [any(2, 2, 5)], (g, x) => g.op('Reshape', [x, g.indices(2, -1)])),
    row('to a scalar', [any(1, 1)], (g, x) => g.op('Reshape', [x, g.indices()])),
  ],
  Resize: [resize([2, 2], leftUpper), resize([3, 2], leftUpper), resize([3, 2], {})],
  Sigmoid: unary('Sigmoid'),
  Sin: unary('Sin'),
  Slice: [
    slice([5, 7], 1, 4, 0),
    slice([2, 3, 6], -4, 2 ** 31, -1),
    slice([4, 3], -9, -1, 0),
    row('two axes', [any(5, 4)], (g, x) =>
      g.op('Slice', [x, g.indices(1, 0), g.indices(9, -1), g.indices(-2, 1), g.indices(1, 1)]),
    ),
    row('axes left out', [any(5, 4)], (g, x) =>
      g.op('Slice', [x, g.indices(1, 2), g.indices(3, 4)]),
    ),
  ],
  Softmax: [
    row('last axis', [any(2, 3, 5)], apply('Softmax')),
    row('axis 1', [any(2, 3, 5)], apply('Softmax', { axis: 1 })),
    row('negative axis', [any(4, 3)], apply('Softmax', { axis: -2 })),
  ],
  Split: [
    row('uneven parts', [any(2, 7, 3)], (g, x) =>
      g.ops('Split', [x, g.indices(1, 4, 2)], { axis: 1 }, 3),
    ),
    row(
      'only the second part used, negative axis',
      [any(3, 6)],
      (g, x) => g.ops('Split', [x, g.indices(2, 4)], { axis: -1 }, 2)[1] ?? [],
    ),
  ],
  Sqrt: unary('Sqrt', positive),
  Sub: binary('Sub'),
  Tanh: unary('Tanh'),
  Transpose: [
    row('four axes', [any(2, 3, 4, 2)], apply('Transpose', { perm: [0, 2, 1, 3] })),
    row('a cycle', [any(2, 3, 4)], apply('Transpose', { perm: [2, 0, 1] })),
    row('reversed by default', [any(2, 3, 4)], apply('Transpose')),
  ],
  Where: [
    row('same shapes', [any(3, 5), any(3, 5)], (g, x, y) => g.op('Where', [mask(g), x, y])),
    row('both broadcast', [any(2, 1, 5), any()], (g, x, y) => g.op('Where', [mask(g), x, y])),
  ],
};
