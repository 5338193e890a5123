import type { TensorInfo, TensorTable } from '../checkpoint/safetensors-header.ts';
import { AppError } from '../errors.ts';
import type { ElementType } from '../onnx/element-type.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Dtype } from '../tensor/dtype.ts';

/**
 * What is added to x·Wᵀ beside a weight W [out, in]: scale·strength·(x·downᵀ)·upᵀ, with down [r, in] and
 * up [out, r], both float32; of a convolution with a kernel's cells as inputs, in whatever axes.
 */
export interface LowRankChange {
  readonly down: Value;
  readonly up: Value;
  readonly scale: number;
  /** float32 [1], the same for all weights; null for 1. */
  readonly strength: Value | null;
}

/** Where model builders get their weights from, by the checkpoint's own keys. */
export interface WeightSource {
  /**
   * The weight in the graph, the same value at every call.
   * @throws model.unsupported where there is no such tensor or its type cannot be computed with
   */
  get(name: string): Value;
  has(name: string): boolean;
  /** @throws model.unsupported where there is no such tensor */
  shape(name: string): Shape;
  /** What is added to the products with a weight; null where nothing is. */
  change(name: string): LowRankChange | null;
}

/** What becomes of a checkpoint's tensors in a graph. */
export interface WeightUse {
  /** Names of the weights that are fed to the graph, as float32, instead of read from the file. */
  readonly trained: ReadonlySet<string>;
  /** What the others are cast to where they are stored as another type. */
  readonly computeType: 'float32' | 'float16';
}

/**
 * Weights of safetensors files as values of `g`. Trained ones are inputs, all others initializers
 * over the files' own bytes and a cast: the runtime folds it when it loads the graph, unless
 * `castAtUse` moves it. Each enters the graph when it is first asked for. Branches of an `If` share
 * them, so `g` is the outermost builder.
 *
 * @param locationOf the file of a tensor, relative to the session's folder of weights
 */
export function externalWeights(
  g: GraphBuilder,
  tensors: TensorTable,
  locationOf: (name: string) => string,
  { trained, computeType }: WeightUse,
): WeightSource {
  const values = new Map<string, Value>();
  const infoOf = (name: string): TensorInfo => {
    const info = tensors.get(name);
    if (info) return info;
    throw new AppError('model.unsupported', `the model has no tensor "${name}"`);
  };
  const declare = (name: string): Value => {
    const { shape, dtype, fileOffset, byteLength } = infoOf(name);
    if (trained.has(name)) return g.input(name, 'float32', shape);
    const type = storedTypes[dtype];
    if (!type) {
      throw new AppError(
        'model.unsupported',
        `"${locationOf(name)}": tensor "${name}" is ${dtype}; weights must be F16, BF16, F32 or F64`,
      );
    }
    const data = { location: locationOf(name), offsetBytes: fileOffset, lengthBytes: byteLength };
    const stored = g.external(name, type, shape, data);
    return g.shared(() => g.scope(name, () => g.cast(stored, computeType)));
  };
  return {
    get(name) {
      const known = values.get(name);
      if (known) return known;
      const value = declare(name);
      values.set(name, value);
      return value;
    },
    has: (name) => tensors.has(name),
    shape: (name) => infoOf(name).shape,
    change: () => null,
  };
}

const storedTypes: Partial<Record<Dtype, ElementType>> = {
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};
