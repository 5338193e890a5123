import type { TensorSource } from '../../src/families/stable-diffusion/layout/named-shapes.ts';
import type { TensorInfo } from '../../src/checkpoint/safetensors-header.ts';
import { elementCount, type Shape } from '../../src/tensor/shape.ts';
import { createGenerator } from '../../src/tensor/random.ts';
import { readGoldenJson, readGoldenTensors } from './golden-tensors.ts';

/** A tiny model with random weights and what PyTorch computed with it. */
export interface ModelReference {
  readonly name: string;
  /** The names and shapes of its weights, as in a checkpoint of F32. */
  readonly source: TensorSource;
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** An input or an output. */
  tensor(name: string): Float32Array;
  shape(name: string): Shape;
  /** The gradient of the loss with respect to a weight or an input, within 1.6e-5 of its largest. */
  gradient(name: string): Float32Array;
}

/** Reads a reference of test/golden/models, which make-model-references.py describes. */
export function readModelReference(name: string): ModelReference {
  const { tensors: weightShapes } = readGoldenJson(`headers/${name}.json`) as {
    tensors: Record<string, Shape>;
  };
  const table = readGoldenJson(`models/${name}.json`) as {
    weight_seed: number;
    shapes: Record<string, Shape>;
    largest: Record<string, number>;
  };
  const read = readGoldenTensors(`models/${name}.safetensors`);
  const drawn = Object.fromEntries(
    Object.entries(weightShapes).filter(([key]) => !(key in table.shapes)),
  );
  const weights = drawWeights(table.weight_seed, drawn);
  for (const key of Object.keys(weightShapes)) {
    if (key in table.shapes) weights.set(key, Float32Array.from(read(key)));
  }
  return {
    name,
    source: { path: `${name}.safetensors`, tensors: tensorTable(weightShapes) },
    weights,
    tensor: (key) => Float32Array.from(read(key)),
    shape: (key) => table.shapes[key]!,
    gradient(key) {
      const unit = table.largest[`grad.${key}`]! / 32767;
      return Float32Array.from(read(`grad.${key}`), (fraction) => fraction * unit);
    },
  };
}

/** A table of float32 tensors, as if they lay one after the other in a file. */
export function tensorTable(shapes: Readonly<Record<string, Shape>>): Map<string, TensorInfo> {
  let fileOffset = 0;
  return new Map(
    Object.entries(shapes).map(([name, shape]) => {
      const byteLength = 4 * elementCount(shape);
      const info: TensorInfo = { name, dtype: 'F32', shape, fileOffset, byteLength };
      fileOffset += byteLength;
      return [name, info];
    }),
  );
}

/** Normal numbers in the order of the names, scaled as make-model-references.py says. */
export function drawWeights(
  seed: number,
  shapes: Readonly<Record<string, Shape>>,
): Map<string, Float32Array> {
  const generator = createGenerator(seed);
  return new Map(
    Object.keys(shapes)
      .sort()
      .map((name) => {
        const shape = shapes[name]!;
        const fan = elementCount(shape.slice(1));
        const mean = name.endsWith('weight') ? 1 : 0;
        const normal = generator.randn(elementCount(shape));
        const scale = (z: number) => (shape.length > 1 ? z / Math.sqrt(fan) : mean + 0.1 * z);
        return [name, normal.map(scale)];
      }),
  );
}
