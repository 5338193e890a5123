import { expect } from 'vitest';
import type { Tensor } from 'onnxruntime-node';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Value } from '../../src/onnx/graph.ts';
import { GraphSession } from '../../src/runtime/session.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import type { VjpCase } from './vjp-cases.ts';
import { buildVjpGraph, drawOperand, numbersOf, tensorFor } from './vjp-graph.ts';

/** The step of the difference and how far it may be from our gradient, relative to |g||v|. */
const precisions = {
  float64: { type: 'float64', step: 1e-5, bar: 1e-8 },
  linear: { type: 'float32', step: 1, bar: 1e-6 },
  float32: { type: 'float32', step: 1e-3, bar: 1e-4 },
} as const;

/**
 * Checks a case's gradients by finite differences: for each operand and a random direction v,
 * u·(Jv) by a central difference must be <g, v> with the gradient g of <u, result>.
 */
export async function checkVjp(vjpCase: VjpCase, seed = 1): Promise<void> {
  const { type, step, bar } = precisions[vjpCase.precision];
  const g = new GraphBuilder('gradcheck');
  const built = buildVjpGraph(g, vjpCase, type);
  built.results.forEach((z, i) => {
    g.output(`z${i}`, z);
  });
  built.gradients.forEach((gradient, i) => {
    g.output(`gradient${i}`, gradient);
  });

  const generator = createGenerator(seed);
  const operands = vjpCase.operands.map((operand) => drawOperand(generator, operand));
  const normal = ({ shape }: Value) => drawOperand(generator, { shape, range: 'any' });
  const cotangents = built.cotangents.map(normal);
  const session = await GraphSession.create(g.graph, { device: 'cpu', threads: 1 });
  const run = (at: readonly Float64Array[]) =>
    session.run({
      ...Object.fromEntries(built.operands.map((x, i) => [x.name, tensorFor(x, at[i]!)])),
      ...Object.fromEntries(built.cotangents.map((u, i) => [u.name, tensorFor(u, cotangents[i]!)])),
    });
  /** Operand `index` moved by `distance` along `direction`, and <u, z> there. */
  const alongResult = async (index: number, direction: Float64Array, distance: number) => {
    const moved = operands.map((x, i) =>
      i === index ? x.map((element, j) => element + distance * direction[j]!) : x,
    );
    const outputs = await run(moved);
    return cotangents.map((u, i) => dot(u, numbersOf(outputs[`z${i}`]!)));
  };

  try {
    const outputs: Record<string, Tensor> = await run(operands);
    for (const [index, x] of built.operands.entries()) {
      const direction = normal(x);
      const gradient = numbersOf(outputs[`gradient${index}`]!);
      expect(gradient.length, `size of the gradient of operand ${index}`).toBe(direction.length);
      const ahead = await alongResult(index, direction, step);
      const behind = await alongResult(index, direction, -step);
      const difference = ahead.reduce((sum, a, i) => sum + a - behind[i]!, 0) / (2 * step);
      const scale = Math.sqrt(dot(gradient, gradient) * dot(direction, direction));
      const error = Math.abs(difference - dot(gradient, direction)) / scale;
      expect(error, `error of the gradient of operand ${index}`).toBeLessThan(bar);
    }
  } finally {
    await session.release();
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, element, i) => sum + element * b[i]!, 0);
}
