import type { TensorTable } from '../../../checkpoint/safetensors-header.ts';
import type { Statement } from './statement.ts';

/**
 * Tensors without a use in the model that tell hosts how to run it, at the top of a file or beside the
 * UNet. (Comfy-Org/ComfyUI, comfy/supported_models.py, `SDXL.model_type`; NoobAI-XL has the first two.)
 */
const markers: readonly (readonly [RegExp, Omit<Statement, 'where'>])[] = [
  [/^(v_pred|vpred|v_prediction)$/, { prediction: 'v_prediction' }],
  [/^(ztsnr|zsnr)$/, { zeroTerminalSnr: true }],
  // Playground v2.5 has `edm_mean` and `edm_std`, CosXL `edm_vpred.sigma_max` and `….sigma_min`.
  [/^edm_/, { prediction: 'edm' }],
];

/** What the marker tensors of a checkpoint say. */
export function markerStatements(tensors: TensorTable): Statement[] {
  return [...tensors.keys()].flatMap((name) => {
    const marker = name.replace(/^model\.(diffusion_model\.)?/, '');
    const said = markers.find(([pattern]) => pattern.test(marker))?.[1];
    return said ? [{ ...said, where: `the tensor "${name}"` }] : [];
  });
}
