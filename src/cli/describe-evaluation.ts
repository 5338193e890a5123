import type { Evaluation } from '../erase/evaluation-summary.ts';
import { formatTable } from './format.ts';

/** Below this lead of a forget prompt over its anchor the original hardly tells the two apart. */
const meaningfulMargin = 1e-4;

/** An evaluation as a small table, each number with a sentence that says what it is. */
export function describeEvaluation({ forget, retain, unrelatedChange }: Evaluation): string {
  const unrelated =
    unrelatedChange === null
      ? ''
      : `; two different pictures of the original are ${unrelatedChange.toFixed(2)} apart`;
  const table = formatTable([
    ['', 'before', 'after', ''],
    [
      'forgotten',
      percent(forget.before),
      percent(forget.after),
      `of ${forget.pictures} pictures of forgotten prompts still show the concept`,
    ],
    [
      'kept',
      percent(retain.before),
      percent(retain.after),
      `of ${retain.pictures} pictures of kept prompts show their own prompt`,
    ],
    [
      'changed',
      '',
      retain.change.toFixed(2),
      `is how far a kept picture moved, 0 to 1, on average${unrelated}`,
    ],
  ]);
  if (forget.margin > meaningfulMargin) return table;
  return `${table}\nThe original hardly tells the forgotten prompts from their anchors in its own pictures: the\nfirst line means little. Give prompts that it draws well, or another --anchor.`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
