import type { Command } from 'commander';

import { AppError } from '../errors.ts';
import type { ClassifierWish } from '../evaluation/classifier/classifier-choice.ts';

/** What commander makes of the options below. */
export interface JudgeOptions {
  readonly judge?: string;
  readonly judgeLabels?: string;
  readonly judgeClass?: readonly string[];
}

/** The options that choose a classifier as a further judge. */
export function addJudgeOptions(command: Command): void {
  command
    .option(
      '--judge <file>',
      'an ONNX classifier of pictures: a file, or the name of one in the folder judges of the data folder',
    )
    .option(
      '--judge-labels <file>',
      'its labels: a text with one a line, or JSON; FILE#NAME for one of several lists (default: those that lie beside it)',
    )
    .option('--judge-class <label...>', 'the labels that count as the concept');
}

/**
 * The classifier that was chosen; none where none was.
 *
 * @throws AppError `usage.invalid` where a part of it is missing
 */
export function readJudge({ judge, judgeLabels, judgeClass }: JudgeOptions): ClassifierWish[] {
  if (judge === undefined && judgeLabels === undefined && judgeClass === undefined) return [];
  if (judge === undefined || judgeClass === undefined) {
    throw new AppError(
      'usage.invalid',
      'a judge needs its classifier and what to look for: --judge FILE.onnx --judge-class LABEL, and --judge-labels FILE where its labels do not lie beside it. See --help.',
    );
  }
  const isFile = /[/\\]|\.onnx$/i.test(judge);
  if (isFile || judgeLabels !== undefined) {
    return [{ file: judge, labels: judgeLabels, classes: judgeClass }];
  }
  return [{ name: judge, classes: judgeClass }];
}
