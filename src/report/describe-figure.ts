import type { Figure } from '../evaluation/figure.ts';
import { groupWords } from '../evaluation/picture-group.ts';
import type { PromptResult } from '../evaluation/worst-first.ts';
import { formatShare } from '../format.ts';

/** A figure in words, for a table, a page and the report. */
export interface DescribedFigure {
  /** Null for what compares the two models. */
  readonly before: string | null;
  readonly after: string;
  /** Goes on from the figures, as in `94 % of 16 pictures …`. */
  readonly meaning: string;
  /** Where the true value lies, for `before → after`; null where nobody knows. */
  readonly confidence: string | null;
}

/** The numbers of a figure as people read them. */
export function describeFigure(figure: Figure): DescribedFigure {
  const { kind, meaning, reference, intervals } = figure;
  const format = kind === 'share' ? formatShare : (value: number) => value.toFixed(2);
  const range = (interval: readonly [number, number]) => interval.map(format).join(' to ');
  const read = reference ? `; ${reference.words} are ${format(reference.value)} apart` : '';
  return {
    before: figure.before === null ? null : format(figure.before),
    after: format(figure.after),
    meaning: `${meaning}${read}`,
    confidence:
      intervals &&
      [intervals.before, intervals.after].flatMap((one) => (one ? [range(one)] : [])).join(' → '),
  };
}

/** What is said of one prompt's pictures, and why they were drawn where the job's own prompts do not say it. */
export function describeResult(result: PromptResult): string {
  const { prompt, words, kind, before, after, interval } = result;
  const format = kind === 'share' ? formatShare : (value: number) => value.toFixed(2);
  const change = before === null ? format(after) : `${format(before)} → ${format(after)}`;
  const { group = prompt.role, role } = prompt;
  const why = group === role ? '' : `${groupWords[group].one}: `;
  const range =
    interval && prompt.pictures > 1 ? ` (95 %: ${interval.map(format).join(' to ')})` : '';
  return `${why}${words} ${change}${range}`;
}

/** What attacks came upon, a line for each model: `The original, found words: “a red rose”`. */
export function foundPrompts(
  curves: readonly {
    readonly title: string;
    readonly points: readonly { readonly found?: string }[];
  }[],
): string[] {
  return curves.flatMap(({ title, points }) => {
    const found = points.at(-1)?.found;
    return found === undefined ? [] : [`${title}: “${found}”`];
  });
}

/** A point of an attack's curve: `7/8 (53 % to 98 %)`. */
export function describePoint(
  point:
    | {
        readonly shown: number;
        readonly pictures: number;
        readonly interval: readonly [number, number];
      }
    | undefined,
): string {
  if (!point) return '';
  return `${point.shown}/${point.pictures} (${point.interval.map(formatShare).join(' to ')})`;
}
