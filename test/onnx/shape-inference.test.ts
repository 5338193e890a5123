import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { ElementType } from '../../src/onnx/element-type.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Attributes, Graph, Value } from '../../src/onnx/graph.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { vjpCases } from '../helpers/vjp-cases.ts';
import { buildVjpGraph } from '../helpers/vjp-graph.ts';

// The gradients of a case are built of other operators, so they are checked along with it.
describe.each(['float32', 'float16'] as const)(
  'in %s, inference gives what the runtime makes',
  (type) => {
    // ScatterND adds no float16 on the CPU.
    const cases = Object.entries(vjpCases)
      .filter(([opType]) => !(opType === 'Gather' && type === 'float16'))
      .flatMap(([opType, forms]) => forms.map((vjpCase) => ({ opType, vjpCase, ...vjpCase })));
    test.each(cases)('$opType: $form', async ({ vjpCase }) => {
      const g = new GraphBuilder('inference');
      buildVjpGraph(g, vjpCase, type);
      await expectInferred(g.graph);
    });
  },
);

describe('inference gives what the runtime makes of operators that are not differentiated', () => {
  type Row = [opType: string, shapes: number[][], constants: number[][], attributes?: Attributes];
  const rows: Row[] = [
    ['AveragePool', [[1, 2, 5, 7]], [], { kernel_shape: [2, 3], strides: [2, 1] }],
    ['Clip', [[3, 4], [], []], []],
    [
      'ConvTranspose',
      [
        [1, 3, 4, 5],
        [3, 2, 3, 3],
      ],
      [],
      { pads: [1, 1, 1, 1], strides: [2, 2], output_padding: [1, 1] },
    ],
    [
      'ConvTranspose',
      [
        [1, 3, 4, 5],
        [3, 2, 3, 2],
      ],
      [],
      { pads: [1, 0, 0, 1] },
    ],
    [
      'Conv',
      [
        [1, 4, 7, 6],
        [6, 2, 3, 3],
      ],
      [],
      { group: 2, dilations: [2, 1] },
    ],
    [
      'Equal',
      [
        [2, 1, 3],
        [4, 1],
      ],
      [],
    ],
    [
      'Greater',
      [
        [2, 1, 3],
        [4, 1],
      ],
      [],
    ],
    [
      'Max',
      [
        [2, 3],
        [1, 3],
        [2, 1],
      ],
      [],
    ],
    ['Min', [[2, 3], [3]], []],
    ['Pad', [[2, 3]], [[1, 0, 2, 3]]],
    ['Sign', [[2, 3]], []],
    ['Gather', [[2, 5, 3]], [[3, 1]], { axis: 1 }],
    [
      'Slice',
      [[5, 7]],
      [
        [4, -1],
        [-9, 0],
        [0, 1],
        [-2, -3],
      ],
    ],
    ['Slice', [[5, 7]], [[7], [9], [0], [1]]],
  ];
  test.each(rows)('%s of %j', async (opType, shapes, constants, attributes) => {
    const g = new GraphBuilder('inference');
    const inputs = shapes.map((shape, i) => g.input(`x${i}`, 'float32', shape));
    g.op(opType, [...inputs, ...constants.map((list) => g.indices(...list))], attributes);
    await expectInferred(g.graph);
  });

  test('Resize by scales', async () => {
    const g = new GraphBuilder('inference');
    const x = g.input('x', 'float32', [1, 2, 3, 5]);
    g.op('Resize', [x, null, g.constant([1, 1, 2, 1.5], [4], 'float32')], { mode: 'nearest' });
    await expectInferred(g.graph);
  });

  test('ScatterND', async () => {
    const g = new GraphBuilder('inference');
    const rows = [g.input('x', 'float32', [4, 3]), g.input('rows', 'float32', [2, 3])] as const;
    const indices = g.constant([1, 1], [2, 1], 'int64');
    g.op('ScatterND', [rows[0], indices, rows[1]], { reduction: 'add' });
    await expectInferred(g.graph);
  });

  test.each(['float16', 'float64'] as const)('LayerNormalization of %s', async (type) => {
    const g = new GraphBuilder('inference');
    const operands = [g.input('x', type, [2, 3, 4]), g.input('scale', type, [3, 4])];
    g.ops('LayerNormalization', operands, { axis: 1 }, 3);
    await expectInferred(g.graph);
  });
});

describe('operands that do not fit are refused with both shapes', () => {
  const refused = (
    message: RegExp,
    build: (g: GraphBuilder, shaped: (...shape: number[]) => Value) => unknown,
  ) => {
    const g = new GraphBuilder('refused');
    expect(() => build(g, (...shape) => g.input('x', 'float32', shape))).toThrow(message);
  };

  test('in a sum', () => {
    refused(/\[2,3\] and \[2,4\] do not broadcast/, (g, x) => g.add(x(2, 3), x(2, 4)));
  });
  test('in a matrix product', () => {
    refused(/MatMul of \[2,3\] \(x\) and \[2,3\] \(x_1\)/, (g, x) => g.matMul(x(2, 3), x(2, 3)));
    refused(/MatMul of \[3\]/, (g, x) => g.matMul(x(3), x(3, 2)));
    refused(/Gemm of \[2,3\]/, (g, x) => g.op('Gemm', [x(2, 3), x(4, 2)], { transB: 1 }));
  });
  test('in a convolution', () => {
    refused(/Conv of \[1,3,5,5\] with \[2,4,3,3\]/, (g, x) =>
      g.op('Conv', [x(1, 3, 5, 5), x(2, 4, 3, 3)]),
    );
  });
  test('in a reshape', () => {
    refused(/Reshape of \[2,3\] to \[4\]/, (g, x) => g.reshape(x(2, 3), [4]));
  });
  test('where a shape is no constant', () => {
    refused(/Expand: input 1 must be a constant/, (g, x) =>
      g.op('Expand', [x(1), g.input('shape', 'int64', [1])]),
    );
    refused(/Split of x without sizes/, (g, x) => g.ops('Split', [x(4)], { num_outputs: 2 }, 2));
    refused(/Resize needs constant sizes or scales/, (g, x) => g.op('Resize', [x(1, 1, 2, 2)]));
  });
  test('where the operator is not known', () => {
    refused(/no shape inference for operator Frobnicate/, (g, x) => g.op('Frobnicate', [x(1)]));
  });
});

/** Makes every value of the graph an output, runs it and compares types and shapes. */
async function expectInferred(graph: Graph): Promise<void> {
  const values = graph.nodes.flatMap((node) => node.outputs);
  graph.outputs.push(...values);
  const session = await GraphSession.create(graph, { device: 'cpu', threads: 1 });
  try {
    const feeds = Object.fromEntries(graph.inputs.map((x) => [x.name, onesFor(x)]));
    const outputs = await session.run(feeds);
    for (const { name, type, shape } of values) {
      expect({ type: outputs[name]!.type, shape: outputs[name]!.dims }, name).toEqual({
        type,
        shape,
      });
    }
  } finally {
    await session.release();
  }
}

function onesFor({ type, shape }: Value): Tensor {
  const ones: Partial<Record<ElementType, (count: number) => Tensor['data']>> = {
    float16: (count) => new Uint16Array(count).fill(0x3c00),
    float32: (count) => new Float32Array(count).fill(1),
    float64: (count) => new Float64Array(count).fill(1),
  };
  const data = ones[type]!(elementCount(shape));
  return new Tensor(type as 'float32', data as Float32Array, shape);
}
