import { fromBinary } from '@bufbuild/protobuf';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Graph, Value } from '../../src/onnx/graph.ts';
import { ModelProtoSchema, type GraphProto } from '../../src/onnx/proto/onnx_pb.ts';
import { serializeModel } from '../../src/onnx/serialize.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { boolTensor, floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

/** The graph of the model's bytes. */
function roundTrip(graph: Graph): GraphProto {
  return fromBinary(ModelProtoSchema, serializeModel(graph)).graph!;
}

/** Two layers with gradients, one of them recomputed: every way that nodes come about. */
function buildTrained(): GraphBuilder {
  const g = new GraphBuilder('trained');
  let x = g.input('x', 'float32', [2, 3]);
  const weights = [g.input('weight', 'float32', [3, 3]), g.input('weight', 'float32', [3, 3])];
  for (const weight of weights) {
    x = g.scope('layer', () => g.recomputed('layer', () => g.op('Tanh', [g.matMul(x, weight)])));
  }
  const loss = g.reduceMean(g.mul(x, x), [0, 1], false);
  gradients(g, loss, weights).forEach((gradient) => {
    g.output('gradient', gradient);
  });
  return g;
}

describe('a serialised model', () => {
  test('declares its format, operator set and the types of its inputs and outputs', () => {
    const g = new GraphBuilder('named');
    g.output('y', g.cast(g.input('x', 'float16', [2, 3]), 'float32'));
    const model = fromBinary(ModelProtoSchema, serializeModel(g.graph));
    expect(model).toMatchObject({
      irVersion: 10n,
      opsetImport: [{ domain: '', version: 21n }],
      graph: { name: 'named' },
    });
    const [input, output] = [model.graph!.input[0]!, model.graph!.output[0]!];
    const dims = [{ value: { value: 2n } }, { value: { value: 3n } }];
    expect(input).toMatchObject({
      name: 'x',
      type: { value: { value: { elemType: 10, shape: { dim: dims } } } },
    });
    expect(output).toMatchObject({ name: 'y', type: { value: { value: { elemType: 1 } } } });
  });

  test('gives every value and every node a name of its own', () => {
    const { node, initializer, input } = roundTrip(buildTrained().graph);
    const values = [...input, ...initializer].map(({ name }) => name);
    const made = [...values, ...node.flatMap(({ output }) => output)];
    expect(new Set(made).size).toBe(made.length);
    const nodes = node.map(({ name }) => name);
    expect(new Set(nodes).size).toBe(nodes.length);
  });

  test('has its nodes in topological order', () => {
    const { node, initializer, input } = roundTrip(buildTrained().graph);
    const known = new Set([...input, ...initializer].map(({ name }) => name));
    for (const { name, input: operands, output } of node) {
      expect(
        operands.filter((operand) => !known.has(operand)),
        name,
      ).toEqual([]);
      for (const made of output) known.add(made);
    }
  });

  test('leaves the number of rows open where memory counts, as reshapes do', () => {
    const written = (recomputes: 'nothing' | 'parts') => {
      const g = new GraphBuilder('rows', { recomputes });
      const x = g.rows('x', 'float32', [2, 3]);
      g.output('y', g.mul(g.reshape(x, [3, 2]), g.input('w', 'float32', [2])));
      const { input } = roundTrip(g.graph);
      return input.map(({ type }) => {
        const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
        return tensor?.shape?.dim.map(({ value }) => value.value);
      });
    };
    expect(written('nothing')).toEqual([[2n, 3n], [2n]]);
    expect(written('parts')).toEqual([[undefined, 3n], [2n]]);
  });

  test('writes an absent operand as an empty name', () => {
    const g = new GraphBuilder('absent');
    const x = g.input('x', 'float32', [1, 1, 2, 2]);
    g.op('Resize', [x, null, null, g.indices(1, 1, 4, 4)], { mode: 'nearest' });
    expect(roundTrip(g.graph).node[0]!.input).toEqual(['x', '', '', 'const']);
  });

  test('writes attributes in the type that their operator takes', () => {
    const g = new GraphBuilder('attributes');
    const x = g.input('x', 'float32', [2, 2]);
    g.op('Gemm', [x, x], { alpha: 2, transA: 1 });
    g.op('Transpose', [x], { perm: [1, 0] });
    g.op('Gelu', [x], { approximate: 'none' });
    // What no other node reads is listed backwards.
    const nodes = roundTrip(g.graph).node.toReversed();
    const attributes = nodes.flatMap(({ attribute }) => attribute);
    expect(attributes).toMatchObject([
      { name: 'alpha', type: 1, f: 2 },
      { name: 'transA', type: 2, i: 1n },
      { name: 'perm', type: 7, ints: [1n, 0n] },
      { name: 'approximate', type: 3, s: new TextEncoder().encode('none') },
    ]);
  });

  test('keeps external data as file, offset and length, which the runtime reads', async () => {
    const folder = makeTemporaryFolder();
    const numbers = Float32Array.of(1, 2, 3);
    const offsetBytes = 5;
    writeFileSync(
      join(folder, 'weights.bin'),
      Buffer.concat([Buffer.alloc(offsetBytes), Buffer.from(numbers.buffer)]),
    );
    const g = new GraphBuilder('external');
    const data = { location: 'weights.bin', offsetBytes, lengthBytes: 12 };
    const weight = g.external('weight', 'float32', [3], data);
    g.output('y', g.add(weight, weight));

    const [tensor] = roundTrip(g.graph).initializer;
    expect(tensor).toMatchObject({ name: 'weight', dims: [3n], dataType: 1, dataLocation: 1 });
    expect(tensor!.externalData.map(({ key, value }) => [key, value])).toEqual([
      ['location', 'weights.bin'],
      ['offset', '5'],
      ['length', '12'],
    ]);
    expect(tensor!.rawData).toHaveLength(0);
    const session = await GraphSession.create(g.graph, { device: 'cpu', weightsFolder: folder });
    const { y } = await session.run({});
    await session.release();
    expect([...floatData(y!)]).toEqual([2, 4, 6]);
  });
});

describe('constants', () => {
  test('of the same elements, type and shape are one initializer', () => {
    const g = new GraphBuilder('constants');
    expect(g.indices(1, 2)).toBe(g.indices(1, 2));
    expect(g.constant([1, 2], [2], 'float32')).not.toBe(g.indices(1, 2));
    expect(g.constant([1, 2], [1, 2], 'int64')).not.toBe(g.indices(1, 2));
    expect(roundTrip(g.graph).initializer).toHaveLength(3);
  });

  test('are carried little-endian in the width of their type', () => {
    const g = new GraphBuilder('constants');
    g.constant([1], [], 'float16');
    g.constant([-1], [1], 'int64');
    g.constant([1, 0], [2], 'bool');
    expect(roundTrip(g.graph).initializer.map(({ rawData }) => [...rawData])).toEqual([
      [0x00, 0x3c],
      Array<number>(8).fill(255),
      [1, 0],
    ]);
  });

  test('stay constants when they are reshaped', () => {
    const g = new GraphBuilder('constants');
    const reshaped = g.reshape(g.indices(1, 2), [2, 1]);
    expect([reshaped.constant, reshaped.shape]).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(g.graph.nodes).toEqual([]);
  });

  test('must have as many elements as their shape', () => {
    const g = new GraphBuilder('constants');
    expect(() => g.constant([1, 2], [3], 'float32')).toThrow(/needs 3 elements, got 2/);
  });
});

describe('a choice of branches', () => {
  /** y = training ? x·w : x + w, with w and a constant of the outer graph. */
  function buildChoice(weight: (g: GraphBuilder) => Value): Graph {
    const g = new GraphBuilder('choice');
    const training = g.input('training', 'bool', []);
    const x = g.input('x', 'float32', [2]);
    const w = weight(g);
    const half = g.scalar(0.5, x);
    const branch = (name: string, opType: string) => {
      const builder = g.subgraph(name);
      // The same constant again, and one that only the branches use.
      const halved = builder.mul(builder.op(opType, [x, w]), builder.scalar(0.5, x));
      builder.output(`${name} result`, builder.mul(halved, builder.scalar(4, x)));
      return builder.graph;
    };
    const branches = { then: branch('train', 'Mul'), else: branch('predict', 'Add') };
    g.output('y', g.mul(g.choose(training, branches)[0]!, half));
    return g.graph;
  }

  test('runs the one that the condition names, on an initializer of the outer graph', async () => {
    const graph = buildChoice((g) => g.constant([10, 100], [2], 'float32'));
    const session = await GraphSession.create(graph, { device: 'cpu' });
    const x = floatTensor(Float32Array.of(1, 2), [2]);
    const trained = await session.run({ training: boolTensor(true), x });
    const predicted = await session.run({ training: boolTensor(false), x });
    await session.release();
    expect([...floatData(trained.y!)]).toEqual([10, 200]);
    expect([...floatData(predicted.y!)]).toEqual([11, 102]);
  });

  test('carries outer constants once, and shadows no name', () => {
    const graph = roundTrip(buildChoice((g) => g.constant([10, 100], [2], 'float32')));
    const branches = graph.node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g ?? []));
    expect(branches.map(({ name }) => name)).toEqual(['train', 'predict']);
    expect(graph.initializer).toHaveLength(2);
    for (const branch of branches) expect(branch.initializer).toHaveLength(1);
    const names = [graph, ...branches].flatMap(({ input, initializer, node }) => [
      ...[...input, ...initializer].map(({ name }) => name),
      ...node.flatMap(({ output }) => output),
    ]);
    expect(new Set(names).size).toBe(names.length);
  });
});
