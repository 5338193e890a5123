import {
  type ScrubbedFolder,
  writeScrubbedFolder,
} from './stable-diffusion/diffusers/folder-writer.ts';
import type { ModelFiles } from './model-files.ts';
import { writeScrubbedCheckpoint } from './stable-diffusion/safetensors-writer.ts';

/** What a scrubbed model is made of; it has the original's layout. */
export interface ScrubbedModel extends Omit<ScrubbedFolder, 'source'> {
  /** The original. Only read. */
  readonly source: ModelFiles;
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
