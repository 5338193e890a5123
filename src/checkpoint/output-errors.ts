import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';

/** Free disk that writing must leave to the system and to the job's own files. */
export const SPARE_DISK_BYTES = 64 * 1024 * 1024;

/** The error of a place that is taken. */
export function outputExists(outputPath: string): AppError {
  return new AppError(
    'output.exists',
    `"${outputPath}" exists already and is not overwritten. Choose another name with --out, or move it away.`,
  );
}

/** Does something to what is written; errors of the file system become words. */
export async function asOutputErrors<T>(outputPath: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (cause instanceof AppError || code === undefined) throw cause;
    if (code === 'EEXIST') throw outputExists(outputPath);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new AppError(
        'output.no-space',
        `the disk became full while "${outputPath}" was written; what was incomplete was removed. Free some disk space, or choose another place with --out.`,
        { cause },
      );
    }
    throw new AppError(
      'output.unwritable',
      `"${outputPath}" cannot be written (${code}). Check that the folder exists and may be written to, or choose another place with --out.`,
      { cause },
    );
  }
}
