import type { Evaluation } from '../erase/evaluation-summary.ts';
import { formatShare } from '../format.ts';

/** Below this lead of a forget prompt over its anchor the original hardly tells the two apart. */
const meaningfulMargin = 1e-4;

/** A figure of an evaluation and what it says. */
export interface ExplainedFigure {
  readonly name: string;
  /** Null for what compares the two models. */
  readonly before: string | null;
  readonly after: string;
  /** Goes on from the figures, as in `94 % of 16 pictures …`. */
  readonly meaning: string;
}

/** An evaluation, each number with a sentence that says what it is. */
export function explainEvaluation(evaluation: Evaluation): {
  readonly figures: readonly [ExplainedFigure, ExplainedFigure, ExplainedFigure];
  /** Why the first figure says little; null where it says what it should. */
  readonly caution: string | null;
} {
  const { forget, retain, unrelatedChange } = evaluation;
  const { fromGiven } = forget;
  const unrelated =
    unrelatedChange === null
      ? ''
      : `; two different pictures of the original are ${unrelatedChange.toFixed(2)} apart`;
  return {
    figures: [
      fromGiven
        ? {
            name: 'distance',
            before: fromGiven.before.toFixed(2),
            after: fromGiven.after.toFixed(2),
            meaning: `is how far a picture of a forgotten prompt is from the most similar given one, 0 to 1, on average${unrelated}`,
          }
        : {
            name: 'forgotten',
            before: formatShare(forget.before),
            after: formatShare(forget.after),
            meaning: `of ${forget.pictures} pictures of forgotten prompts still show the concept`,
          },
      {
        name: 'kept',
        before: formatShare(retain.before),
        after: formatShare(retain.after),
        meaning: `of ${retain.pictures} pictures of kept prompts show their own prompt`,
      },
      {
        name: 'changed',
        before: null,
        after: retain.change.toFixed(2),
        meaning: `is how far a kept picture moved, 0 to 1, on average${unrelated}`,
      },
    ],
    caution:
      fromGiven !== undefined || forget.margin > meaningfulMargin
        ? null
        : 'The original hardly tells the forgotten prompts from their anchors in its own pictures: the first figure means little. Give prompts that it draws well, or another anchor.',
  };
}
