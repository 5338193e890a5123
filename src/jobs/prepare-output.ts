import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

import { chooseOutputPath, isFolder, pathExists } from '../checkpoint/output-path.ts';
import { findSidecars } from '../checkpoint/sidecar-files.ts';
import { AppError } from '../errors.ts';

interface OutputWish {
  readonly concept: string;
  /** The path that was asked for; undefined for `<original>-without-<concept>[-N]`, */
  readonly wanted: string | undefined;
  /** and in which folder that is. Default: that of the original's neighbours. */
  readonly folder?: string | undefined;
}

/**
 * Where the scrubbed model goes, made sure that it can go there.
 *
 * @throws AppError `output.exists`, `output.unwritable`, `settings.invalid` for a name that does not fit
 */
export async function prepareOutput(
  modelPath: string,
  { concept, wanted, folder }: OutputWish,
): Promise<string> {
  const output =
    wanted === undefined
      ? await chooseOutputPath(modelPath, concept, folder)
      : path.resolve(wanted);
  const fromFolder = await isFolder(modelPath);
  if (fromFolder) requireFolderName(output, modelPath);
  else requireFileName(output);
  if (await pathExists(output)) {
    throw new AppError(
      'output.exists',
      `"${output}" exists already and is not overwritten. Choose another name with --out, or move it away.`,
    );
  }
  await requireWritableFolder(path.dirname(output));
  if (!fromFolder) await findSidecars(modelPath, output);
  return output;
}

function requireFileName(output: string): void {
  if (path.extname(output).toLowerCase() === '.safetensors') return;
  throw new AppError(
    'settings.invalid',
    `"${output}" does not end in .safetensors, which hosts go by. Choose a name that does.`,
  );
}

function requireFolderName(output: string, modelPath: string): void {
  if (path.extname(output).toLowerCase() === '.safetensors') {
    throw new AppError(
      'settings.invalid',
      `"${output}" ends in .safetensors, but the model is a folder and the result becomes one too. Choose a name without this ending.`,
    );
  }
  if (!`${output}${path.sep}`.startsWith(`${path.resolve(modelPath)}${path.sep}`)) return;
  throw new AppError(
    'settings.invalid',
    `"${output}" lies within the model's own folder, which is not changed. Choose another place with --out.`,
  );
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
