import type { Evaluation } from '../evaluation/evaluation.ts';
import type { Figure } from '../evaluation/figure.ts';
import { formatTable } from '../format.ts';
import { describeFigure } from '../report/describe-figure.ts';

/** An evaluation as a small table, each number with a sentence that says what it is. */
export function describeEvaluation({ figures, atOtherClipSkip: other }: Evaluation): string {
  const lines = [tableOf(figures), ...figures.flatMap(({ caution }) => caution ?? [])];
  if (other) lines.push(`The same at clip skip ${other.clipSkip}:`, tableOf(other.figures));
  return lines.join('\n');
}

function tableOf(figures: readonly Figure[]): string {
  return formatTable([
    ['', 'before', 'after', ''],
    ...figures.map((figure) => {
      const { before, after, meaning, confidence } = describeFigure(figure);
      const range = confidence === null ? '' : ` (95 % confidence: ${confidence})`;
      return [figure.title, before ?? '', after, `${meaning}${range}`];
    }),
  ]);
}
