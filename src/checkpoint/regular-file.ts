import { stat } from 'node:fs/promises';

import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';

/**
 * Refuses what is no file. To be asked before opening: opening a named pipe would wait for ever.
 *
 * @throws AppError `checkpoint.not-found`, `checkpoint.not-safetensors`
 */
export async function requireRegularFile(filePath: string): Promise<void> {
  const stats = await stat(filePath).catch((cause: unknown) => {
    throw unreadable(filePath, cause);
  });
  if (stats.isDirectory()) {
    throw new AppError(
      'checkpoint.not-safetensors',
      `"${filePath}" is a folder, not a single file. Give a .safetensors file.`,
    );
  }
  if (!stats.isFile()) {
    throw new AppError('checkpoint.not-safetensors', `"${filePath}" is not a regular file.`);
  }
}

/** What is said of a file that cannot be read, and why. */
export function unreadable(filePath: string, cause: unknown): AppError {
  const code = systemErrorCode(cause) ?? 'unknown error';
  const detail =
    code === 'ENOENT' || code === 'ENOTDIR'
      ? 'does not exist. Check the path'
      : `cannot be read (${code}). Check its permissions and the disk`;
  return new AppError('checkpoint.not-found', `checkpoint "${filePath}" ${detail}.`, { cause });
}
