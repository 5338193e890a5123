import type { TensorTable } from '../../checkpoint/safetensors-header.ts';
import { type VersionId, versions } from './version.ts';

/**
 * The version of Stable Diffusion that a file holds, by the names of its tensors alone, with or without
 * a VAE; null for what is no whole model.
 */
export function recognizeVersion(tensors: TensorTable): VersionId | null {
  const names = [...tensors.keys()];
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  if (!has('model.diffusion_model.input_blocks.') || has('control_model.')) return null;
  const ids = Object.keys(versions) as VersionId[];
  return ids.find((id) => has(versions[id].mark)) ?? null;
}
