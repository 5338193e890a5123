import { type ScrubbedFolder, writeScrubbedFolder } from './folder/folder-writer.ts';
import type { ModelFiles } from './model-files.ts';
import { familyOfFile } from './open-model-files.ts';
import { familyOf } from './registry.ts';
import { writeScrubbedCheckpoint } from './single-file/safetensors-writer.ts';
import { missingSidecars } from './single-file/sidecar-files.ts';

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
  const family = await familyOfFile(sourcePath);
  if (family) await missingSidecars(await family.files.sidecars(sourcePath, outputPath));
}

/**
 * Writes a scrubbed model beside nothing of its name, whole or not at all.
 *
 * @throws AppError as `writeScrubbedCheckpoint`
 */
export async function writeScrubbedModel({ source, ...rest }: ScrubbedModel): Promise<void> {
  if (source.layout === 'diffusers') await writeScrubbedFolder({ source, ...rest });
  else await writeScrubbedCheckpoint({ source, files: familyOf(source).files, ...rest });
}
