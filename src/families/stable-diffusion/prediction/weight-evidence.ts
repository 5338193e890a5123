import { isFloatDtype } from '../../../tensor/dtype.ts';
import { UNET_PREFIX } from '../layout/unet-layout.ts';
import { type VersionId, versionOf } from '../version.ts';
import type { TensorStore } from '../../../checkpoint/tensor-store.ts';
import type { Statement } from './statement.ts';

/** What ComfyUI tells the two kinds of SD 2.x apart by, and where the line is. */
const telling = `${UNET_PREFIX}output_blocks.11.1.transformer_blocks.0.norm1.bias`;
const LEAST_DEVIATION_OF_V = 0.09;
const WIDTH_OF_SD2 = 320;

/**
 * What the weights of an SD 2.x say: the last attention's first bias spreads wider where the model
 * predicts v. Known of models of full width only. (Comfy-Org/ComfyUI, comfy/supported_models.py,
 * `SD20.model_type`)
 */
export async function weightEvidence(
  source: Pick<TensorStore, 'tensors' | 'readFloat32'>,
  family: VersionId,
): Promise<Statement[]> {
  const info = source.tensors.get(telling);
  if (
    !versionOf(family).weightsTellPrediction ||
    info?.shape[0] !== WIDTH_OF_SD2 ||
    !isFloatDtype(info.dtype)
  )
    return [];
  const isV = deviation(await source.readFloat32(telling)) > LEAST_DEVIATION_OF_V;
  return [
    {
      prediction: isV ? 'v_prediction' : 'epsilon',
      where: 'its weights are spread as in such a model, which is what ComfyUI goes by',
    },
  ];
}

/** The standard deviation of all values. */
function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}
