import { type Interval, meanInterval, shareInterval } from './interval.ts';

export type Role = 'forget' | 'retain';

/** Why a picture is drawn: the prompts of the job themselves, or a question beside them. */
export const pictureGroups = [
  'forget',
  'held-back',
  'forget-negative',
  'forget-against',
  'retain',
  'neighbour',
  'far',
  'retain-negative',
  'retain-against',
] as const;
export type PictureGroup = (typeof pictureGroups)[number];

/**
 * What a judge makes of one picture, drawn from the same noise by both models: for a share 0 or 1, for
 * a distance a number. `before` is null where the judge compares the two.
 */
export interface Verdict {
  readonly before: number | null;
  readonly after: number;
}

/** A quantity as people read it. */
export interface Quantity {
  /** The evaluator's id and what it measures, as `zero-shot.shown`. */
  readonly id: string;
  /** The prompts whose pictures it is about. */
  readonly role: Role;
  /** Which of them; those of the job themselves where it is left out. */
  readonly group?: PictureGroup;
  readonly title: string;
  readonly kind: 'share' | 'distance';
  /** Where it should go. */
  readonly wanted: 'lower' | 'higher' | 'unchanged';
  /** Goes on from the figure, as in `94 % of 16 pictures …`. */
  readonly meaning: string;
  /** What it does not tell, as a sentence; null where `meaning` says it all. */
  readonly limits: string | null;
  /** What a distance is to be read against, as two pictures that have nothing in common. */
  readonly reference: { readonly value: number; readonly words: string } | null;
  /** Why this figure says little this time; null where it says what it should. */
  readonly caution: string | null;
  /** Further numbers, for programs. */
  readonly details?: Readonly<Record<string, number>>;
}

/**
 * A quantity with what came out for every picture of its group, in their order; null for those that it
 * says nothing of, which are not all.
 */
export interface Measure extends Quantity {
  readonly verdicts: readonly (Verdict | null)[];
}

/** A quantity over the pictures of its group that it says something of. */
export interface Figure extends Quantity {
  readonly pictures: number;
  readonly before: number | null;
  readonly after: number;
  /** Where the true values lie with a confidence of 95 %; null where an earlier version judged. */
  readonly intervals: { readonly before: Interval | null; readonly after: Interval } | null;
}

/** Sums a measure up: means, with their confidence intervals. */
export function figureOf({ verdicts: all, ...quantity }: Measure): Figure {
  const verdicts = all.filter((verdict) => verdict !== null);
  const intervalOf = quantity.kind === 'share' ? shareInterval : meanInterval;
  const { before, after } = meanVerdict(verdicts);
  const befores = verdicts.flatMap((verdict) => verdict.before ?? []);
  return {
    ...quantity,
    pictures: verdicts.length,
    before,
    after,
    intervals: {
      before: before === null ? null : intervalOf(befores),
      after: intervalOf(verdicts.map((verdict) => verdict.after)),
    },
  };
}

/** @returns NaN of no verdicts */
export function meanVerdict(verdicts: readonly Verdict[]): Verdict {
  const befores = verdicts.flatMap(({ before }) => before ?? []);
  return {
    before: befores.length === 0 ? null : mean(befores),
    after: mean(verdicts.map(({ after }) => after)),
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
