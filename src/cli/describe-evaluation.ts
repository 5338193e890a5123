import type { Evaluation } from '../erase/evaluation-summary.ts';
import { formatTable } from '../format.ts';
import { explainEvaluation } from '../report/explain-evaluation.ts';

/** An evaluation as a small table, each number with a sentence that says what it is. */
export function describeEvaluation(evaluation: Evaluation): string {
  const { figures, caution } = explainEvaluation(evaluation);
  const table = formatTable([
    ['', 'before', 'after', ''],
    ...figures.map(({ name, before, after, meaning }) => [name, before ?? '', after, meaning]),
  ]);
  return caution === null ? table : `${table}\n${caution}`;
}
