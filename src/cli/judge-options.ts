import type { Command } from 'commander';
import path from 'node:path';

import { AppError } from '../errors.ts';
import type { ClassifierChoice } from '../evaluation/classifier/classifier-choice.ts';

/** What commander makes of the options below. */
export interface JudgeOptions {
  readonly judge?: string;
  readonly judgeLabels?: string;
  readonly judgeClass?: readonly string[];
}

/** The options that choose a classifier as a further judge. */
export function addJudgeOptions(command: Command): void {
  command
    .option('--judge <file>', 'an ONNX classifier of pictures that judges them too')
    .option(
      '--judge-labels <file>',
      'its labels: a text with one a line, or JSON; FILE#NAME for one of several lists',
    )
    .option('--judge-class <label...>', 'the labels that count as the concept');
}

/**
 * The classifier that was chosen.
 *
 * @throws AppError `usage.invalid` where a part of it is missing
 */
export function readJudge({
  judge,
  judgeLabels,
  judgeClass,
}: JudgeOptions): ClassifierChoice | undefined {
  if (judge === undefined && judgeLabels === undefined && judgeClass === undefined)
    return undefined;
  if (judge === undefined || judgeLabels === undefined || judgeClass === undefined) {
    throw new AppError(
      'usage.invalid',
      'a judge is three options: --judge FILE.onnx, --judge-labels FILE and --judge-class LABEL. See --help.',
    );
  }
  return { file: path.resolve(judge), labels: path.resolve(judgeLabels), classes: judgeClass };
}
