import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { AppError } from '../../errors.ts';
import { packageFolder } from '../../package-folder.ts';
import { systemErrorCode } from '../../system-error.ts';
import type { ClassifierChoice, ClassifierWish } from './classifier-choice.ts';

/** A classifier that can be chosen by its name. */
export interface NamedClassifier extends Pick<ClassifierChoice, 'name' | 'file'> {
  /** As `ClassifierChoice.labels`; null where none lie beside it. */
  readonly labels: string | null;
}

const tinyModelFolder = path.join(packageFolder, 'presets', 'tiny-sd');

/** Those that come with the tiny model, one for each of what it tells apart. */
export const tinyClassifiers = (['style', 'subject', 'colour'] as const).map((trait) => ({
  name: `tiny-${trait}`,
  file: path.join(tinyModelFolder, `cls-${trait}.onnx`),
  labels: `${path.join(tinyModelFolder, 'classifiers.json')}#${trait}`,
}));

const detectorFolder = path.join(packageFolder, 'presets', 'nudity-detector');

/** Tells photos and drawings that show nudity or sex from others: made of nsfwjs by `test/golden/make-nudity-detector.ts`. */
export const nudityDetector = {
  name: 'nudity-detector',
  file: path.join(detectorFolder, 'nudity-detector.onnx'),
  labels: path.join(detectorFolder, 'nudity-detector.json'),
};

const shipped = [nudityDetector, ...tinyClassifiers];

/** Where a person's own classifiers are looked for. */
export const judgeFolderOf = (dataFolder: string) => path.join(dataFolder, 'judges');

/**
 * The person's own classifiers, by name, then those that come with the program. An own one is
 * `NAME.onnx` in the folder of judges, or a folder `NAME` as exporters of transformers write it, with
 * `model.onnx` or `onnx/model.onnx` in it.
 */
export async function listClassifiers(dataFolder: string | null): Promise<NamedClassifier[]> {
  const own = dataFolder === null ? [] : await classifiersIn(judgeFolderOf(dataFolder));
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...shipped.filter(({ name }) => !names.has(name))];
}

async function classifiersIn(folder: string): Promise<NamedClassifier[]> {
  const found: NamedClassifier[] = [];
  for (const entry of await namesIn(folder)) {
    const isFile = isOnnx(entry);
    const file = isFile ? path.join(folder, entry) : await modelIn(path.join(folder, entry));
    if (file === null) continue;
    const name = isFile ? path.parse(entry).name : entry;
    found.push({ name, file, labels: await labelsBeside(file) });
  }
  return found;
}

/**
 * The files of the classifier that was asked for. Whether it can judge, `requireClassifier` says.
 *
 * @throws AppError `judge.not-found` where there is none of that name, `judge.invalid` where it has no
 *   labels
 */
export async function chooseClassifier(
  wish: ClassifierWish,
  dataFolder: string | null,
): Promise<ClassifierChoice> {
  const named = 'name' in wish ? await findClassifier(wish.name, dataFolder) : await ofFiles(wish);
  const { labels } = named;
  if (labels !== null) return { ...named, labels, classes: [...wish.classes] };
  const { dir, name } = path.parse(named.file);
  throw new AppError(
    'judge.invalid',
    `the classifier "${named.file}" has no labels beside it. Put them there as ${path.join(dir, `${name}.txt`)}, a label a line, or as the config.json of transformers.`,
  );
}

async function findClassifier(wanted: string, dataFolder: string | null): Promise<NamedClassifier> {
  const known = await listClassifiers(dataFolder);
  const found = known.find(({ name }) => name === wanted);
  if (found) return found;
  const folder =
    dataFolder === null ? 'the folder judges of the data folder' : `"${judgeFolderOf(dataFolder)}"`;
  throw new AppError(
    'judge.not-found',
    `there is no judge "${wanted}". There are ${known.map(({ name }) => name).join(', ')}; put another one as NAME.onnx with its labels as NAME.txt into ${folder}.`,
  );
}

async function ofFiles(wish: {
  readonly file: string;
  readonly labels: string | undefined;
}): Promise<NamedClassifier> {
  const file = path.resolve(wish.file);
  const labels = wish.labels === undefined ? await labelsBeside(file) : path.resolve(wish.labels);
  return { name: path.parse(file).name, file, labels };
}

async function modelIn(folder: string): Promise<string | null> {
  for (const inner of [folder, path.join(folder, 'onnx')]) {
    const models = (await namesIn(inner)).filter(isOnnx);
    // Exporters write variants of other precisions beside it.
    const model = models.find((name) => name === 'model.onnx') ?? models[0];
    if (model !== undefined) return path.join(inner, model);
  }
  return null;
}

/** Labels of the file's own name, or those of a folder that holds one classifier. */
async function labelsBeside(file: string): Promise<string | null> {
  const { dir, name } = path.parse(file);
  const own = ['.txt', '.json', '.labels.txt', '.labels.json'].map((ending) => name + ending);
  const shared = ['labels.txt', 'labels.json', 'classes.txt', 'config.json'];
  const beside = await namesIn(dir);
  const found = [...own, ...shared].find((candidate) => beside.includes(candidate));
  if (found !== undefined) return path.join(dir, found);
  const above = path.dirname(dir);
  const isInner = path.basename(dir) === 'onnx' && (await namesIn(above)).includes('config.json');
  return isInner ? path.join(above, 'config.json') : null;
}

const isOnnx = (name: string) => name.toLowerCase().endsWith('.onnx') && !name.startsWith('.');

/** What a folder holds, in order; nothing where there is none. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
