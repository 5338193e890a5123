import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { floatData, floatTensor, freeOnHost } from '../../src/runtime/tensor.ts';

const MEGABYTE = 2 ** 20;

describe('outputs in place', () => {
  const size = 4 * MEGABYTE;
  const tensorOf = (value: number) => floatTensor(new Float32Array(size).fill(value), [size]);
  const square = async () => {
    const g = new GraphBuilder('square');
    const x = g.input('x', 'float32', [size]);
    g.output('square', g.mul(x, x));
    g.output('double', g.add(x, x));
    return GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  };

  it('are the given tensors; the others are new', async () => {
    const session = await square();
    const into = tensorOf(0);
    const results = await session.run({ x: tensorOf(3) }, { square: into });
    expect(results.square).toBe(into);
    expect(floatData(into).every((value) => value === 9)).toBe(true);
    expect(floatData(results.double!)[size - 1]).toBe(6);
    await session.release();
  });

  it('take no memory beside what they have', async () => {
    const session = await square();
    const [x, first, second] = [tensorOf(1), tensorOf(0), tensorOf(0)];
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 8; i++) await session.run({ x }, { square: first, double: second });
    const grown = process.memoryUsage().arrayBuffers - before;
    expect(grown).toBeLessThan(MEGABYTE);
    await session.release();
  });
});

describe('freeOnHost', () => {
  it('frees memory at once', () => {
    const tensor = floatTensor(new Float32Array(16 * MEGABYTE), [16 * MEGABYTE]);
    const before = process.memoryUsage().arrayBuffers;
    freeOnHost([tensor]);
    expect(before - process.memoryUsage().arrayBuffers).toBeGreaterThanOrEqual(64 * MEGABYTE);
    expect(floatData(tensor)).toHaveLength(0);
  });
});
