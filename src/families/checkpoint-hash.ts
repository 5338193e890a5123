import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { isFolder } from '../checkpoint/output-path.ts';
import { CHUNK_BYTES } from '../checkpoint/tensors-on-disk.ts';
import { openModelFiles } from './open-model-files.ts';

/**
 * The SHA-256 of a model as 64 lower-case hexadecimal digits. Of a file it is that of its bytes: what
 * hosts show as a model's hash. Of a diffusers folder it is that of the list that `sha256sum` prints
 * of its configs and weights, in the order of their names: pictures or notes that are put into the
 * folder do not change it. Reads the files in pieces.
 *
 * @throws AppError as `openModelFiles` for a folder
 */
export async function hashCheckpoint(modelPath: string): Promise<string> {
  if (!(await isFolder(modelPath))) return hashFile(modelPath);
  const folder = await openModelFiles(modelPath);
  await folder.close();
  if (folder.layout !== 'diffusers') return hashFile(modelPath);
  const list = createHash('sha256');
  for (const name of folder.decisive) {
    const sha256 = await hashFile(path.join(modelPath, name));
    list.update(`${sha256}  ${name.split(path.sep).join('/')}\n`);
  }
  return list.digest('hex');
}

/** The same of any file's bytes. */
export async function hashFile(filePath: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(filePath, { highWaterMark: CHUNK_BYTES }), hash);
  return hash.digest('hex');
}
