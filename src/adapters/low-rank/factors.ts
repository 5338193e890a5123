import type { TensorTable } from '../../checkpoint/safetensors-header.ts';
import type { ParameterSpec } from '../../optim/update-graph.ts';
import type { Shape } from '../../tensor/shape.ts';

/** The weight of a layer that multiplies by a matrix [outputs, inputs]. */
export interface LinearWeight {
  readonly name: string;
  readonly outputs: number;
  readonly inputs: number;
  /** As the checkpoint has it: [outputs, inputs], or a convolution of one pixel. */
  readonly shape: Shape;
}

/**
 * Those of the named tensors that linear layers multiply with. Of the convolutions of one pixel these
 * are the projections around a transformer (`linear` in models/blocks); others are convolutions.
 */
export function linearWeights(tensors: TensorTable, names: readonly string[]): LinearWeight[] {
  return names.flatMap((name) => {
    const shape = tensors.get(name)?.shape;
    if (!shape) throw new RangeError(`the model has no tensor "${name}"`);
    const [outputs, inputs, ...kernel] = shape;
    if (outputs === undefined || inputs === undefined || !name.endsWith('.weight')) return [];
    const isPixelwise = kernel.length === 2 && /\.proj_(?:in|out)\.weight$/.test(name);
    return kernel.length === 0 || isPixelwise ? [{ name, outputs, inputs, shape }] : [];
  });
}

/** The two factors of a weight's change. */
export interface Factors {
  /** The layer's key in the checkpoint, without the last part. */
  readonly layer: string;
  readonly weight: LinearWeight;
  /** [rank, inputs] */
  readonly down: ParameterSpec;
  /** [outputs, rank] */
  readonly up: ParameterSpec;
}

/** The factors of a weight's change, by name and shape. */
export function factorsOf(weight: LinearWeight, rank: number): Factors {
  const layer = weight.name.replace(/\.weight$/, '');
  return {
    layer,
    weight,
    down: { name: `${layer}.lora_down.weight`, shape: [rank, weight.inputs] },
    up: { name: `${layer}.lora_up.weight`, shape: [weight.outputs, rank] },
  };
}
