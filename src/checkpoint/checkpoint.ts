import { type Architecture, readArchitecture } from './architecture.ts';
import { type LdmConfig, readLdmConfig } from './ldm-config.ts';
import { type ModelFiles, openModelFiles } from './model-files.ts';

/** A Stable Diffusion checkpoint, open for reading. Whoever opened it closes `file`. */
export interface Checkpoint {
  readonly file: ModelFiles;
  readonly ldmConfig: LdmConfig | undefined;
  readonly architecture: Architecture;
}

/**
 * Opens a checkpoint, a single file or a diffusers folder, and derives what its models look like.
 * Whether a concept can be erased from it is for `requireErasable`, whether its weights are finite
 * for `requireFiniteWeights`.
 *
 * @throws AppError `checkpoint.*`, `model.unsupported`; the files are then closed
 */
export async function openCheckpoint(modelPath: string): Promise<Checkpoint> {
  const file = await openModelFiles(modelPath);
  try {
    const ldmConfig = await configOf(file);
    return { file, ldmConfig, architecture: await readArchitecture(file, ldmConfig) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * What the configs say that belong to a model, in the words of an LDM config; undefined if none does.
 *
 * @throws AppError `checkpoint.config`
 */
export async function configOf(file: ModelFiles): Promise<LdmConfig | undefined> {
  return file.layout === 'diffusers' ? file.ldmConfig : readLdmConfig(file.path);
}
