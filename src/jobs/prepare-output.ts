import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

import { chooseOutputPath, pathExists } from '../checkpoint/output-path.ts';
import { findSidecars } from '../checkpoint/sidecar-files.ts';
import { AppError } from '../errors.ts';

interface OutputWish {
  readonly concept: string;
  /** The path that was asked for; undefined for `<original>-without-<concept>[-N]`, */
  readonly wanted: string | undefined;
  /** and in which folder that is. Default: the original's. */
  readonly folder?: string | undefined;
}

/**
 * Where the scrubbed model goes, made sure that it can go there.
 *
 * @throws AppError `output.exists`, `output.unwritable`, `settings.invalid` for another ending
 */
export async function prepareOutput(
  modelPath: string,
  { concept, wanted, folder = path.dirname(modelPath) }: OutputWish,
): Promise<string> {
  const output =
    wanted === undefined
      ? await chooseOutputPath(path.join(folder, path.basename(modelPath)), concept)
      : path.resolve(wanted);
  if (path.extname(output).toLowerCase() !== '.safetensors') {
    throw new AppError(
      'settings.invalid',
      `"${output}" does not end in .safetensors, which hosts go by. Choose a name that does.`,
    );
  }
  if (await pathExists(output)) {
    throw new AppError(
      'output.exists',
      `"${output}" exists already and is not overwritten. Choose another name with --out, or move it away.`,
    );
  }
  await requireWritableFolder(path.dirname(output));
  await findSidecars(modelPath, output);
  return output;
}

async function requireWritableFolder(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    const detail = (await pathExists(folder)) ? 'may not be written to' : 'does not exist';
    throw unwritable(folder, detail, cause);
  }
  if (!(await stat(folder)).isDirectory()) throw unwritable(folder, 'is not a folder');
}

function unwritable(folder: string, detail: string, cause?: unknown): AppError {
  return new AppError(
    'output.unwritable',
    `the folder "${folder}" for the scrubbed model ${detail}. Choose another place with --out.`,
    { cause },
  );
}
