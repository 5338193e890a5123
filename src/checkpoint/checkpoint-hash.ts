import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { CHUNK_BYTES } from './safetensors-reader.ts';

/**
 * The SHA-256 of a whole file as 64 lower-case hexadecimal digits: what hosts show as a model's
 * hash. Reads the file in pieces.
 */
export async function hashCheckpoint(filePath: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(filePath, { highWaterMark: CHUNK_BYTES }), hash);
  return hash.digest('hex');
}
