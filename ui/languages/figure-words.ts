import type { JobAttack } from '../../src/contract/attack-view.ts';
import type { JobView } from '../../src/contract/job-views.ts';
import { groupWords } from '../../src/evaluation/picture-group.ts';
import type { PromptResult } from '../../src/evaluation/worst-first.ts';
import { formatDistance, formatShare } from './format.ts';
import { told } from './told.ts';
import { t } from './words.ts';

// Figures as the page has them; the report has its own words, in English (`src/report/describe-figure.ts`).

type Figure = NonNullable<JobView['evaluation']>['figures'][number];
type Point = NonNullable<JobAttack['result']>['curves'][number]['points'][number];
type Interval = readonly [number, number];

const formatOf = (kind: Figure['kind']) => (kind === 'share' ? formatShare : formatDistance);

const rangeOf = ([low, high]: Interval, format: (value: number) => string) =>
  t('{low} to {high}', { low: format(low), high: format(high) });

/** The numbers of a figure, what they mean and how sure they are; null where there is nothing to say. */
export function describeFigure({ kind, before, after, meaning, reference, intervals }: Figure) {
  const format = formatOf(kind);
  const sure = [intervals?.before, intervals?.after].flatMap((one) =>
    one ? [rangeOf(one, format)] : [],
  );
  return {
    before: before === null ? null : format(before),
    after: format(after),
    meaning: reference
      ? t('{meaning}; {others} are {distance} apart', {
          meaning: told(meaning),
          others: told(reference.words),
          distance: format(reference.value),
        })
      : told(meaning),
    confidence: intervals && sure.join(' → '),
  };
}

/** What is said of one prompt's pictures, and why they were drawn where the job's own prompts do not say it. */
export function describeResult({ prompt, words, kind, before, after, interval }: PromptResult) {
  const format = formatOf(kind);
  const change = before === null ? format(after) : `${format(before)} → ${format(after)}`;
  const { group = prompt.role, role } = prompt;
  const parts = [
    ...(group === role ? [] : [t('{group}:', { group: told(groupWords[group].one) })]),
    told(words),
    change,
    ...(interval && prompt.pictures > 1
      ? [t('(95 %: {range})', { range: rangeOf(interval, format) })]
      : []),
  ];
  return parts.join(' ');
}

/** A point of an attack's curve: `7/8 (53 % to 98 %)`; nothing where there is none. */
export function describePoint(
  point: Pick<Point, 'shown' | 'pictures' | 'interval'> | undefined,
): string {
  if (!point) return '';
  return `${point.shown}/${point.pictures} (${rangeOf(point.interval, formatShare)})`;
}
