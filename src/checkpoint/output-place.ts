import { AppError } from '../errors.ts';
import { systemErrorCode } from '../system-error.ts';
import { requireDiskSpace } from './disk-space.ts';
import { pathExists } from './output-path.ts';
import { RESERVATION_BYTES } from './output-reservation.ts';

/** Free disk that writing must leave to the system and to the job's own files. */
const SPARE_DISK_BYTES = 64 * 1024 * 1024;

/** Where a scrubbed model goes. */
export interface OutputPlace {
  /** A file, or a folder; nothing may be there yet. */
  readonly outputPath: string;
  /** Free bytes of the file system that holds a folder. Default: asks the system. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/**
 * Makes sure that something of a size can be written to a place.
 *
 * @param removeAbandoned frees what earlier attempts have left there
 * @throws AppError `output.exists`, `output.no-space`, `output.unwritable`
 */
export async function requirePlace(
  { outputPath, freeBytes }: OutputPlace,
  bytes: number,
  removeAbandoned: (outputPath: string) => Promise<void>,
): Promise<void> {
  if (await pathExists(outputPath)) throw outputExists(outputPath);
  await removeAbandoned(outputPath);
  await asOutputErrors(outputPath, () =>
    requireDiskSpace(outputPath, bytes + SPARE_DISK_BYTES, {
      purpose: 'the scrubbed model',
      setting: 'out',
      ...(freeBytes && { freeBytes }),
    }),
  );
}

function outputExists(outputPath: string): AppError {
  return new AppError(
    'output.exists',
    `"${outputPath}" exists already and is not overwritten. Move it away, or`,
    { remedy: { advice: 'choose another name', settings: [{ setting: 'out' }] } },
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
        `the disk became full while "${outputPath}" was written; what was incomplete was removed. Free some disk space, or`,
        { cause, remedy: { advice: 'choose another place', settings: [{ setting: 'out' }] } },
      );
    }
    const fault = nameFaults.get(code);
    if (fault !== undefined) {
      throw new AppError('output.unwritable', `"${outputPath}" ${fault}.`, {
        cause,
        remedy: { advice: 'Choose another name', settings: [{ setting: 'out' }] },
      });
    }
    throw new AppError(
      'output.unwritable',
      `"${outputPath}" cannot be written (${code}). Check that the folder exists and may be written to, or`,
      { cause, remedy: { advice: 'choose another place', settings: [{ setting: 'out' }] } },
    );
  }
}

/** What the file system says of names that it does not take. */
const nameFaults: ReadonlyMap<string, string> = new Map([
  [
    'ENAMETOOLONG',
    `has too long a name or path: ${RESERVATION_BYTES} bytes more are needed while it is written`,
  ],
  ['EINVAL', 'has a name that its file system does not take'],
  ['EILSEQ', 'has a name that its file system does not take'],
]);

/** Whether what `asOutputErrors` threw says that a name is too long. */
export function isNameTooLong(error: unknown): boolean {
  return error instanceof AppError && systemErrorCode(error.cause) === 'ENAMETOOLONG';
}
