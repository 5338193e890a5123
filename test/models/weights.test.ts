import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/autodiff/backward.ts';
import type { TensorInfo } from '../../src/checkpoint/safetensors-header.ts';
import { externalWeights } from '../../src/models/weights.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor } from '../../src/runtime/tensor.ts';
import { type Dtype, encodeFloats, type FloatDtype } from '../../src/tensor/dtype.ts';
import { makeTemporaryFolder } from '../helpers/temporary-folder.ts';

const values = Float32Array.of(1, -2, 0.5, 4);

/** A file with the same four numbers in every given type, one after the other. */
function writeWeights(dtypes: readonly FloatDtype[]) {
  const folder = makeTemporaryFolder();
  const tensors = new Map<string, TensorInfo>();
  const chunks: Uint8Array[] = [];
  let fileOffset = 0;
  for (const dtype of dtypes) {
    const bytes = encodeFloats(dtype, values);
    const { byteLength } = bytes;
    tensors.set(dtype, { name: dtype, dtype, shape: [4], fileOffset, byteLength });
    chunks.push(bytes);
    fileOffset += byteLength;
  }
  writeFileSync(join(folder, 'weights.bin'), Buffer.concat(chunks));
  return { folder, tensors };
}

function weightsOf(
  g: GraphBuilder,
  tensors: ReadonlyMap<string, TensorInfo>,
  trained: readonly string[] = [],
) {
  const use = { trained: new Set(trained), computeType: 'float32' } as const;
  return externalWeights(g, tensors, () => 'weights.bin', use);
}

describe('weights of a file', () => {
  it.each(['F16', 'BF16', 'F32', 'F64'] as const)(
    'are read as %s and computed with',
    async (dtype) => {
      const { folder, tensors } = writeWeights(['F32', 'F16', 'BF16', 'F64']);
      const g = new GraphBuilder('weights');
      const weight = weightsOf(g, tensors).get(dtype);
      g.output('result', g.add(weight, g.input('x', 'float32', [4])));
      expect(weight.type).toBe('float32');
      const session = await GraphSession.create(g.graph, { device: 'cpu', weightsFolder: folder });
      const { result } = await session.run({ x: floatTensor(new Float32Array(4), [4]) });
      await session.release();
      expect(floatData(result!)).toEqual(values);
    },
  );

  it('enter the graph when they are asked for, once', () => {
    const { tensors } = writeWeights(['F16', 'BF16', 'F32']);
    const g = new GraphBuilder('weights');
    const weights = weightsOf(g, tensors);
    expect(g.graph.initializers.size).toBe(0);
    expect(weights.get('F16')).toBe(weights.get('F16'));
    weights.get('F32');
    expect([...g.graph.initializers.keys()].map(({ name }) => name)).toEqual(['F16', 'F32']);
    expect(g.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast']);
  });

  it('are float32 inputs of their own name where they are trained', () => {
    const { tensors } = writeWeights(['F16', 'F32']);
    const g = new GraphBuilder('weights');
    weightsOf(g, tensors, ['F16']).get('F16');
    expect(g.graph.inputs).toMatchObject([{ name: 'F16', type: 'float32', shape: [4] }]);
    expect(g.graph.initializers.size).toBe(0);
  });

  it('are cast once, also where a recomputed segment asked first', () => {
    const { tensors } = writeWeights(['F16']);
    const g = new GraphBuilder('weights');
    const weights = weightsOf(g, tensors);
    const x = g.input('x', 'float32', [4]);
    const y = g.recomputed('segment', () => {
      const scaled = g.mul(x, weights.get('F16'));
      return g.mul(scaled, g.op('Sigmoid', [scaled]));
    });
    gradients(g, g.reduceSum(y, [0], false), [x]);
    expect(g.graph.nodes.filter(({ opType }) => opType === 'Cast')).toHaveLength(1);
  });

  it('lie in the outer graph where a branch asks for them', () => {
    const { tensors } = writeWeights(['F16']);
    const g = new GraphBuilder('weights');
    const weights = weightsOf(g, tensors);
    const [first, second] = ['then', 'else'].map((name) => {
      const branch = g.subgraph(name);
      branch.output(name, branch.op('Neg', [weights.get('F16')]));
      return branch.graph;
    });
    g.choose(g.input('condition', 'bool', []), { then: first!, else: second! });
    expect(g.graph.nodes.map(({ opType }) => opType)).toEqual(['Cast', 'If']);
    expect(first!.initializers.size + second!.initializers.size).toBe(0);
  });

  it('are refused by name where they are missing or no numbers to compute with', () => {
    const { tensors } = writeWeights(['F32']);
    const dtype: Dtype = 'I64';
    tensors.set('ids', { name: 'ids', dtype, shape: [4], fileOffset: 0, byteLength: 32 });
    const weights = weightsOf(new GraphBuilder('weights'), tensors);
    expect(weights.has('F32')).toBe(true);
    expect(weights.shape('F32')).toEqual([4]);
    expect(() => weights.get('absent')).toThrow('the model has no tensor "absent"');
    expect(() => weights.get('ids')).toThrow('tensor "ids" is I64');
  });
});
