import { Tensor } from 'onnxruntime-node';
import { gradients } from '../../src/autodiff/backward.ts';
import type { ElementType } from '../../src/onnx/element-type.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import type { Value } from '../../src/onnx/graph.ts';
import { elementCount } from '../../src/tensor/shape.ts';
import type { Generator } from '../../src/tensor/random.ts';
import type { Operand, VjpCase } from './vjp-cases.ts';

/** A case with its gradients: what `x0…` and `ct0…` to feed, and the values to read. */
export interface VjpGraph {
  readonly operands: readonly Value[];
  readonly cotangents: readonly Value[];
  readonly results: readonly Value[];
  /** d(Σ <ct, result>) / d(operand) */
  readonly gradients: readonly Value[];
}

/** Emits a case into `g`: inputs `x0…` and `ct0…`, results and the gradients of Σ <ct, result>. */
export function buildVjpGraph(g: GraphBuilder, vjpCase: VjpCase, type: ElementType): VjpGraph {
  const operands = vjpCase.operands.map(({ shape }, i) => g.input(`x${i}`, type, shape));
  const built = vjpCase.build(g, ...operands);
  const results = Array.isArray(built) ? built : [built];
  const cotangents = results.map((z, i) => g.input(`ct${i}`, z.type, z.shape));
  const terms = results.map((z, i) =>
    g.op('ReduceSum', [g.mul(z, cotangents[i]!)], { keepdims: 0 }),
  );
  const loss = terms.reduce((sum, term) => g.add(sum, term));
  return { operands, cotangents, results, gradients: gradients(g, loss, operands) };
}

/** Numbers to feed to an operand. */
export function drawOperand(generator: Generator, { shape, range }: Operand): Float64Array {
  return Float64Array.from(generator.uniform(elementCount(shape)), (u) => {
    if (range === 'positive') return 0.5 + 1.5 * u;
    const x = 3 * u - 1.5;
    return range === 'nonzero' ? x + Math.sign(x) * 0.3 : x;
  });
}

/** A tensor for `value` from numbers. */
export function tensorFor(value: Value, numbers: ArrayLike<number>): Tensor {
  return value.type === 'float64'
    ? new Tensor('float64', Float64Array.from(numbers), value.shape)
    : new Tensor('float32', Float32Array.from(numbers), value.shape);
}

/** The numbers of a float tensor on the host. */
export function numbersOf(tensor: Tensor): Float64Array {
  return Float64Array.from(tensor.data as Float32Array | Float64Array);
}
