import type { Evaluation } from '../evaluation/evaluation.ts';
import type { Figure } from '../evaluation/figure.ts';
import { type PromptResult, worstFirst } from '../evaluation/worst-first.ts';
import { formatTable } from '../format.ts';
import { describeConcepts } from '../report/describe-concepts.ts';
import { describeFigure, describeResult } from '../report/describe-figure.ts';

/** An evaluation as a small table, each number with a sentence that says what it is. */
export function describeEvaluation(evaluation: Evaluation): string {
  const { figures, prompts, atOtherClipSkip: other } = evaluation;
  const lines = [tableOf(figures), ...figures.flatMap(({ caution }) => caution ?? [])];
  const concepts = describeConcepts(evaluation);
  if (concepts) lines.push(formatTable([concepts.head, ...concepts.rows]));
  lines.push(...worstPrompts(prompts));
  if (other) lines.push(`The same at clip skip ${other.clipSkip}:`, tableOf(other.figures));
  return lines.join('\n');
}

/** Prompts that are told one by one: the rest stands in the report. */
const mostWorst = 5;

/** Those that came out worst; nothing where all came out as they should. */
function worstPrompts(prompts: Evaluation['prompts']): string[] {
  const isBad = ({ words, before, after }: PromptResult) =>
    (words === 'shows it' && after > 0) || (words === 'recognised' && after < (before ?? 1));
  const worst = worstFirst(prompts).filter(isBad).slice(0, mostWorst);
  if (worst.length === 0) return [];
  return [
    'Worst, prompt by prompt:',
    ...worst.map((result) => `  ${result.prompt.prompt}: ${describeResult(result)}`),
  ];
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
