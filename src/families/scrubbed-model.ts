import {
  type ScrubbedFolder,
  writeScrubbedFolder,
} from './stable-diffusion/diffusers/folder-writer.ts';
import type { ModelFiles } from './model-files.ts';
import { findSidecars } from './stable-diffusion/sidecar-files.ts';
import { writeScrubbedCheckpoint } from './stable-diffusion/safetensors-writer.ts';

/** What a scrubbed model is made of; it has the original's layout. */
export interface ScrubbedModel extends Omit<ScrubbedFolder, 'source'> {
  /** The original. Only read. */
  readonly source: ModelFiles;
}

/**
 * Refuses a result whose config would take the place of another file: a single file has one beside it.
 *
 * @throws AppError `output.exists`, `checkpoint.config`
 */
export async function requireSidecarPlaces(sourcePath: string, outputPath: string): Promise<void> {
  await findSidecars(sourcePath, outputPath);
}

/**
 * Writes a scrubbed model beside nothing of its name, whole or not at all.
 *
 * @throws AppError as `writeScrubbedCheckpoint`
 */
export async function writeScrubbedModel({ source, ...rest }: ScrubbedModel): Promise<void> {
  if (source.layout === 'diffusers') await writeScrubbedFolder({ source, ...rest });
  else await writeScrubbedCheckpoint({ source, ...rest });
}
