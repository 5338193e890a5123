import { open } from 'node:fs/promises';

import { decodeText } from '../decode-text.ts';
import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';

/** Configs of models take 2 to 5 KB; a file far beyond that is something else. */
const MAX_CONFIG_BYTES = 256 * 1024;

/**
 * The text of a small file; undefined if there is none.
 *
 * @throws AppError `checkpoint.config` if it is larger than `maxBytes`, unreadable or no text
 */
export async function readConfigText(
  filePath: string,
  maxBytes = MAX_CONFIG_BYTES,
): Promise<string | undefined> {
  try {
    const handle = await open(filePath, 'r');
    try {
      const { size } = await handle.stat();
      if (size > maxBytes) {
        throw new AppError(
          'checkpoint.config',
          `"${filePath}" has ${size} bytes; a model's config has at most ${maxBytes}.`,
        );
      }
      return decode(await handle.readFile(), filePath);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AppError('checkpoint.config', `"${filePath}" cannot be read (${String(code)}).`, {
      cause: error,
    });
  }
}

function decode(bytes: Uint8Array, filePath: string): string {
  try {
    return decodeText(bytes);
  } catch (cause) {
    throw new AppError('checkpoint.config', `"${filePath}" ${(cause as Error).message}.`, {
      cause,
    });
  }
}
