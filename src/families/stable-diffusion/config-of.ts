import type { ModelFiles } from '../model-files.ts';
import { isOpenFolder } from './diffusers/diffusers-folder.ts';
import { type LdmConfig, readLdmConfig } from './ldm-config.ts';

/**
 * What the configs say that belong to a model, in the words of an LDM config; undefined if none does.
 *
 * @throws AppError `checkpoint.config`
 */
export async function configOf(file: ModelFiles): Promise<LdmConfig | undefined> {
  return isOpenFolder(file) ? file.ldmConfig : readLdmConfig(file.path);
}
