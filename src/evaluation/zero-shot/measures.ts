import { type Measure, mean, type Quantity, type Role, type Verdict } from '../figure.ts';

/** A picture's scores as `ZeroShotJudge` gives them, its own prompt's first. */
export interface JudgedPicture {
  readonly role: Role;
  readonly scoresBefore: readonly number[];
  readonly scoresAfter: readonly number[];
}

/**
 * Measured against trained classifiers on 128 pictures each of a style and a subject of tiny-sd, by
 * the original, a scrubbed and, for half of them, a half scrubbed model: 0.3 agreed on .92 and .94;
 * 0.1 on .75 and .91, 0.5 on .84 and .89, 0 on .66 and .91. Held against the anchor alone, the best
 * share was another one for each of the two.
 */
const leadShare = 0.3;

/** What the share says where single pictures were to be forgotten. */
const onlyThePictures =
  'Single pictures were to be forgotten, not what they show: the distance to them tells.';

/**
 * The lead of a forgotten prompt above which a picture counts as showing it.
 *
 * @param margin the mean lead on the original's own pictures
 */
export function shownFrom(margin: number): number {
  return Math.max(0, leadShare * margin);
}

/** Below this lead of a forget prompt over its anchor the original hardly tells the two apart. */
export const meaningfulMargin = 1e-4;

/**
 * What the scores of all pictures mean.
 *
 * A kept picture is recognised if its own prompt explains it best. A forgotten one is not held to
 * zero: what a scrubbed model draws is often like nothing that the original knows, and of wrong
 * prompts the longer one explains it a little better. So it counts as showing the concept if its
 * prompt is ahead of all others by at least three tenths (`leadShare`) of what it is ahead, on
 * average, on the original's own pictures (`details.margin`: a share of the mean error).
 */
export function zeroShotMeasures(
  pictures: readonly JudgedPicture[],
  { picturesWereGiven }: { picturesWereGiven: boolean },
): [Measure, Measure] {
  const forgotten = pictures.filter(({ role }) => role === 'forget');
  const kept = pictures.filter(({ role }) => role === 'retain');
  const margin = mean(forgotten.map(({ scoresBefore }) => lead(scoresBefore)));
  const verdictsOf = (judged: readonly JudgedPicture[], threshold: number): Verdict[] =>
    judged.map(({ scoresBefore, scoresAfter }) => ({
      before: Number(lead(scoresBefore) > threshold),
      after: Number(lead(scoresAfter) > threshold),
    }));
  return [
    {
      ...shownQuantity(forgotten.length, margin),
      ...(picturesWereGiven && { caution: onlyThePictures }),
      verdicts: verdictsOf(forgotten, shownFrom(margin)),
    },
    { ...recognisedQuantity(kept.length), verdicts: verdictsOf(kept, 0) },
  ];
}

/** @param margin how much better, on average, a forget prompt explains the original's own pictures */
export function shownQuantity(pictures: number, margin: number): Quantity {
  return {
    ...{ id: 'zero-shot.shown', role: 'forget', kind: 'share', wanted: 'lower' },
    title: 'Still shows the concept',
    meaning: `of ${pictures} pictures of forgotten prompts still show the concept`,
    limits:
      'The original judged every picture: which of several prompts explains it best? A picture shows the concept if its own prompt is clearly ahead of the prompt that it was steered to and of similar kept ones. No outside judge was asked.',
    reference: null,
    caution:
      margin > meaningfulMargin
        ? null
        : 'The original hardly tells the forgotten prompts from their anchors in its own pictures: this figure means little. Give prompts that it draws well, or another anchor.',
    details: { margin },
  };
}

export function recognisedQuantity(pictures: number): Quantity {
  return {
    ...{ id: 'zero-shot.recognised', role: 'retain', kind: 'share', wanted: 'unchanged' },
    title: 'Still shows what is kept',
    meaning: `of ${pictures} pictures of kept prompts show their own prompt`,
    limits: 'A kept picture is recognised if its own prompt explains it best to the original.',
    reference: null,
    caution: null,
  };
}

/** How far the first score is ahead of (below) the best of the others. */
export function lead([own = Number.NaN, ...others]: readonly number[]): number {
  return Math.min(...others) - own;
}
