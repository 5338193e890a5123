import { access, constants, mkdir } from 'node:fs/promises';

import { pathExists } from '../checkpoint/output-path.ts';
import { AppError } from '../errors.ts';

/**
 * Makes the folder that files are to be written to; files that are there already are never replaced.
 *
 * @throws AppError `output.exists`, `output.unwritable`
 */
export async function preparePictureFolder(
  folder: string,
  files: readonly string[],
): Promise<void> {
  for (const file of files) {
    if (await pathExists(file)) {
      throw new AppError(
        'output.exists',
        `"${file}" exists already and is not overwritten. Choose another folder with --out, or other seeds.`,
      );
    }
  }
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new AppError(
      'output.unwritable',
      `the folder "${folder}" cannot be made or written to (${cause instanceof Error ? cause.message : String(cause)}). Choose another one with --out.`,
      { cause },
    );
  }
}
