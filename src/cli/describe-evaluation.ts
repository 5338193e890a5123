import type { Evaluation } from '../evaluation/evaluation.ts';
import { formatTable } from '../format.ts';
import { describeFigure } from '../report/describe-figure.ts';

/** An evaluation as a small table, each number with a sentence that says what it is. */
export function describeEvaluation({ figures }: Evaluation): string {
  const table = formatTable([
    ['', 'before', 'after', ''],
    ...figures.map((figure) => {
      const { before, after, meaning, confidence } = describeFigure(figure);
      const range = confidence === null ? '' : ` (95 % confidence: ${confidence})`;
      return [figure.title, before ?? '', after, `${meaning}${range}`];
    }),
  ]);
  return [table, ...figures.flatMap(({ caution }) => caution ?? [])].join('\n');
}
