import { AppError } from '../../errors.ts';
import type { ClassifierChoice } from './classifier-choice.ts';
import { readLabels } from './labels.ts';

// What labels tell without the classifier's graph, so without the runtime.

/**
 * Makes sure that a classifier has the classes that it is to look for, as far as its labels tell.
 *
 * @throws AppError `judge.invalid`
 */
export async function requireClasses({ labels, classes }: ClassifierChoice): Promise<void> {
  const known = await classesOf(labels);
  for (const name of classes) findLabel(known, name);
}

/**
 * All classes that labels name, of every list where none is chosen.
 *
 * @throws AppError `judge.invalid`
 */
export async function classesOf(labels: string): Promise<readonly string[]> {
  const [file, list] = splitLabels(labels);
  const { lists } = await readLabels(file);
  return list === undefined ? [...lists.values()].flat() : (lists.get(list) ?? []);
}

/** The file of labels, and the name of one of its lists where one is chosen. */
export function splitLabels(labels: string): [file: string, list: string | undefined] {
  const [file = '', list] = labels.split(/#(?=[^#/\\]*$)/);
  return [file, list];
}

/**
 * The label of that name, in whatever case.
 *
 * @throws AppError `judge.invalid`
 */
export function findLabel(labels: readonly string[], name: string): string {
  const found = labels.find((label) => label.toLowerCase() === name.trim().toLowerCase());
  if (found !== undefined) return found;
  const some = labels.slice(0, 20).join(', ');
  throw new AppError(
    'judge.invalid',
    `the classifier has no class "${name}". Its classes: ${some}${labels.length > 20 ? ', …' : ''}.`,
  );
}
