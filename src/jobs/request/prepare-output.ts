import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

import { nameFault } from '../../checkpoint/file-name.ts';
import { isModelFile, withoutModelEnding } from '../../checkpoint/model-ending.ts';
import { chooseFreeName, chooseOutputPath, fitName } from '../../checkpoint/output-name.ts';
import { asOutputErrors } from '../../checkpoint/output-place.ts';
import { isFolder, modelTitle, pathExists, slugify } from '../../checkpoint/output-path.ts';
import { describeReservation, reserveOutput } from '../../checkpoint/output-reservation.ts';
import { requireSidecarPlaces } from '../../families/scrubbed-model.ts';
import { AppError } from '../../errors.ts';

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
  if (wanted !== undefined) requireUsableName(output);
  const fromFolder = await isFolder(modelPath);
  if (fromFolder) requireFolderName(output, modelPath);
  else requireFileName(output);
  if (await pathExists(output)) {
    throw new AppError(
      'output.exists',
      `"${output}" exists already and is not overwritten. Move it away, or`,
      { remedy: { advice: 'choose another name', settings: [{ setting: 'out' }] } },
    );
  }
  await requireWritableFolder(path.dirname(output));
  await requireReservable(output, wanted !== undefined);
  if (!fromFolder) await requireSidecarPlaces(modelPath, output);
  return output;
}

/** Of a LoRA file: the folder that one without a name goes to; null, or none that can be written: the job's. */
type LoraWish = Pick<OutputWish, 'concept' | 'wanted'> & { readonly folder: string | null };

/**
 * Where a LoRA file goes, made sure that it can go there; one of the job's own folder is named by its path
 * from there.
 *
 * @param setting what a person names it by
 * @throws AppError as `prepareOutput`
 */
export async function prepareLoraOutput(
  modelPath: string,
  { concept, wanted, folder }: LoraWish,
  setting: 'out' | 'loraOut',
): Promise<string> {
  if (wanted === undefined) {
    // At dots web UIs cut names, or keys that they make of them.
    const title = modelTitle(modelPath).replaceAll('.', '_');
    const name = { title, slug: slugify(concept), ending: '.safetensors' };
    return folder !== null && (await isWritable(folder))
      ? chooseFreeName({ ...name, folder })
      : fitName(name, '', MAX_LORA_NAME_BYTES);
  }
  const output = path.resolve(wanted);
  const remedy = { advice: 'Choose another name', settings: [{ setting }] };
  requireUsableName(output);
  requireFileName(output);
  if (withoutModelEnding(path.basename(output)).includes('.')) {
    throw new AppError(
      'settings.invalid',
      `"${path.basename(output)}" has a dot inside, at which web UIs cut the names of LoRAs.`,
      { remedy },
    );
  }
  if (await pathExists(output)) {
    throw new AppError('output.exists', `"${output}" exists already and is not overwritten.`, {
      remedy,
    });
  }
  await requireWritableFolder(path.dirname(output));
  return output;
}

/** As most file systems take, with room for what is made of it while it is written. */
const MAX_LORA_NAME_BYTES = 200;

/** By doing it, for a moment: nothing else tells what names a file system takes, and how long. */
async function requireReservable(output: string, isGiven: boolean): Promise<void> {
  const reserved = await asOutputErrors(output, () => reserveOutput(output));
  if ('release' in reserved) await reserved.release();
  // A name that nobody chose becomes another one when the run begins.
  else if (isGiven) {
    throw new AppError('output.exists', describeReservation(output, reserved), {
      remedy: { advice: 'Choose another name', settings: [{ setting: 'out' }] },
    });
  }
}

function requireUsableName(output: string): void {
  const fault = nameFault(path.basename(output));
  if (fault === null) return;
  throw new AppError('settings.invalid', `"${output}" is no name for the result: ${fault}.`, {
    remedy: { advice: 'Choose another one', settings: [{ setting: 'out' }] },
  });
}

function requireFileName(output: string): void {
  if (isModelFile(output)) return;
  throw new AppError(
    'settings.invalid',
    `"${output}" does not end in .safetensors, which hosts go by. Choose a name that does.`,
  );
}

function requireFolderName(output: string, modelPath: string): void {
  if (isModelFile(output)) {
    throw new AppError(
      'settings.invalid',
      `"${output}" ends in ${path.extname(output)}, but the model is a folder and the result becomes one too. Choose a name without this ending.`,
    );
  }
  if (!`${output}${path.sep}`.startsWith(`${path.resolve(modelPath)}${path.sep}`)) return;
  throw new AppError(
    'settings.invalid',
    `"${output}" lies within the model's own folder, which is not changed.`,
    { remedy: { advice: 'Choose another place', settings: [{ setting: 'out' }] } },
  );
}

async function isWritable(folder: string): Promise<boolean> {
  if (!(await isFolder(folder))) return false;
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
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
    `the folder "${folder}" for the scrubbed model ${detail}.`,
    { cause, remedy: { advice: 'Choose another place', settings: [{ setting: 'out' }] } },
  );
}
