import type { ReplacedTensors } from './changed-file.ts';
import { writeScrubbedFolder } from './diffusers/folder-writer.ts';
import type { ModelFiles } from './model-files.ts';
import { writeScrubbedCheckpoint } from './safetensors-writer.ts';

/** What a scrubbed model is made of. */
export interface ScrubbedModel {
  /** The original. Only read. */
  readonly source: ModelFiles;
  /** Where the result goes, in the original's layout; nothing may be there yet. */
  readonly outputPath: string;
  /** New values of the trained tensors, by their names in a single-file checkpoint. */
  readonly replaced: ReplacedTensors;
  /** Entries that join the original's metadata, replacing those of the same key. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
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
