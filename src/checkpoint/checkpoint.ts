import { type Architecture, readArchitecture } from './architecture.ts';
import { type LdmConfig, readLdmConfig } from './ldm-config.ts';
import { openSafetensors, type SafetensorsFile } from './safetensors-reader.ts';

/** A Stable Diffusion checkpoint, open for reading. Whoever opened it closes `file`. */
export interface Checkpoint {
  readonly file: SafetensorsFile;
  readonly ldmConfig: LdmConfig | undefined;
  readonly architecture: Architecture;
}

/**
 * Opens a checkpoint and derives what its models look like. Whether a concept can be erased from it
 * is for `requireErasable`, whether its weights are finite for `requireFiniteWeights`.
 *
 * @throws AppError `checkpoint.*`, `model.unsupported`; the file is then closed
 */
export async function openCheckpoint(filePath: string): Promise<Checkpoint> {
  const file = await openSafetensors(filePath);
  try {
    const ldmConfig = await readLdmConfig(filePath);
    return { file, ldmConfig, architecture: await readArchitecture(file, ldmConfig) };
  } catch (error) {
    await file.close();
    throw error;
  }
}
