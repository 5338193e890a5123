import type { TensorTable } from '../../checkpoint/safetensors-header.ts';
import type { ParameterSpec } from '../../optim/update-graph.ts';
import { elementCount, type Shape } from '../../tensor/shape.ts';
import type { LowRankSettings } from './settings.ts';

/** The two factors of a weight's change. */
export interface Factors {
  /** The layer's key in the checkpoint, without the last part. */
  readonly layer: string;
  /** Name of the weight: [outputs, inputs], or [outputs, channels, k, k] of a convolution. */
  readonly weight: string;
  readonly rank: number;
  /** [rank, inputs], or [rank, channels, k, k] */
  readonly down: ParameterSpec;
  /** [outputs, rank], of a convolution [outputs, rank, 1, 1] */
  readonly up: ParameterSpec;
}

/**
 * The factors of those of the named tensors that are changed: what linear layers multiply with and, where
 * there is a rank for them, the convolutions of residual blocks and between levels. Of the convolutions
 * of one pixel the projections around a transformer are linear layers (`linear` in models/blocks).
 */
export function factorsOf(
  tensors: TensorTable,
  names: readonly string[],
  { rank, convRank }: Pick<LowRankSettings, 'rank' | 'convRank'>,
): Factors[] {
  return names.flatMap((name) => {
    const shape = tensors.get(name)?.shape;
    if (!shape) throw new RangeError(`the model has no tensor "${name}"`);
    if (isLinear(name, shape)) return [changeOf(name, shape, rank)];
    return convRank !== null && isConvolution(name, shape) ? [changeOf(name, shape, convRank)] : [];
  });
}

function isLinear(name: string, { length }: Shape): boolean {
  if (!name.endsWith('.weight')) return false;
  return length === 2 || (length === 4 && /\.proj_(?:in|out)\.weight$/.test(name));
}

/** Those that LoRA files have names for: not the first and the last one of the UNet. */
function isConvolution(name: string, { length }: Shape): boolean {
  return (
    length === 4 && /\.(?:in_layers\.2|out_layers\.3|skip_connection|op|conv)\.weight$/.test(name)
  );
}

function changeOf(weight: string, shape: Shape, rank: number): Factors {
  const [outputs = 0, ...inputs] = shape;
  const layer = weight.replace(/\.weight$/, '');
  return {
    ...{ layer, weight, rank },
    down: { name: `${layer}.lora_down.weight`, shape: [rank, ...inputs] },
    up: {
      name: `${layer}.lora_up.weight`,
      shape: [outputs, rank, ...inputs.slice(1).map(() => 1)],
    },
  };
}

/** A factor as a matrix, however many axes its tensor has. */
export function matrixOf({ shape: [rows = 0, ...rest] }: ParameterSpec): Shape {
  return [rows, elementCount(rest)];
}
