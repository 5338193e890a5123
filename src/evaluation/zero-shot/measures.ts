import {
  type Measure,
  mean,
  type PictureGroup,
  pictureGroups,
  type Quantity,
  type Verdict,
} from '../figure.ts';
import { figureName, groupWords } from '../picture-group.ts';

/** A picture's scores as `ZeroShotJudge` gives them, its own prompt's first. */
export interface JudgedPicture {
  readonly group: PictureGroup;
  readonly scoresBefore: readonly number[];
  readonly scoresAfter: readonly number[];
  /** The same of what else a forgotten prompt asks for, its own anchor first; left out where others ask for the same. */
  readonly rest?: Readonly<Record<'before' | 'after', readonly number[]>>;
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
 * average, on the original's own pictures of the job's prompts (`details.margin`: a share of the mean error).
 */
export function zeroShotMeasures(
  pictures: readonly JudgedPicture[],
  { picturesWereGiven }: { picturesWereGiven: boolean },
): [Measure, Measure, ...Measure[]] {
  const ofGroup = (wanted: PictureGroup) => pictures.filter(({ group }) => group === wanted);
  const forgotten = ofGroup('forget');
  const margin = mean(forgotten.map(({ scoresBefore }) => lead(scoresBefore)));
  const measureOf = (group: PictureGroup): Measure => {
    const judged = ofGroup(group);
    const isForgotten = groupWords[group].role === 'forget';
    const threshold = isForgotten ? shownFrom(margin) : 0;
    const quantity = isForgotten
      ? shownQuantity(judged.length, margin, group)
      : recognisedQuantity(judged.length, group);
    return {
      ...quantity,
      ...(isForgotten && picturesWereGiven && { caution: onlyThePictures }),
      verdicts: judged.map(({ scoresBefore: before, scoresAfter: after }) =>
        isAhead({ before, after }, threshold),
      ),
    };
  };
  const rest = forgotten.map(({ rest: scores }) => (scores ? isAhead(scores, 0) : null));
  const others = pictureGroups.filter((group) => group !== groupWords[group].role);
  return [
    measureOf('forget'),
    measureOf('retain'),
    ...(rest.some((one) => one !== null) ? [restMeasure(rest)] : []),
    ...others.filter((group) => ofGroup(group).length > 0).map(measureOf),
  ];
}

function isAhead(
  { before, after }: Readonly<Record<'before' | 'after', readonly number[]>>,
  threshold: number,
): Verdict {
  return { before: Number(lead(before) > threshold), after: Number(lead(after) > threshold) };
}

/** @param margin how much better, on average, a forget prompt explains the original's own pictures */
export function shownQuantity(
  pictures: number,
  margin: number,
  group: PictureGroup = 'forget',
): Quantity {
  const { prompts, one } = groupWords[group];
  return {
    ...{ ...figureName('zero-shot.shown', group), kind: 'share', wanted: 'lower' },
    title: `Still shows the concept${group === 'forget' ? '' : ` (${one})`}`,
    meaning: `of ${pictures} pictures of ${prompts} still show the concept`,
    limits:
      'The original judged every picture: which of several prompts explains it best? A picture shows the concept if its own prompt is clearly ahead of the prompt that it was steered to and of similar kept ones. No outside judge was asked.',
    reference: null,
    caution:
      group !== 'forget' || margin > meaningfulMargin
        ? null
        : 'The original hardly tells the forgotten prompts from their anchors in its own pictures: this figure means little. Give prompts that it draws well, or another anchor.',
    details: { margin },
  };
}

export function recognisedQuantity(pictures: number, group: PictureGroup = 'retain'): Quantity {
  const { prompts, one } = groupWords[group];
  return {
    ...{ ...figureName('zero-shot.recognised', group), kind: 'share', wanted: 'unchanged' },
    title: `Still shows what is kept${group === 'retain' ? '' : ` (${one})`}`,
    meaning: `of ${pictures} pictures of ${prompts} show their own prompt`,
    limits: 'A kept picture is recognised if its own prompt explains it best to the original.',
    reference: null,
    caution: null,
  };
}

/** What else the forgotten prompts asked for: a castle in a forgotten style is still a castle. */
function restMeasure(verdicts: Measure['verdicts']): Measure {
  const judged = verdicts.filter((verdict) => verdict !== null);
  const before = mean(judged.map((verdict) => verdict.before ?? 0));
  return {
    ...{ id: 'zero-shot.rest', role: 'forget', kind: 'share', wanted: 'unchanged' },
    title: 'Still shows what else was asked for',
    meaning: `of ${judged.length} pictures of forgotten prompts show what else their prompt asked for`,
    limits:
      'What else was asked for is the prompt without the concept, told from what other forgotten prompts ask for besides.',
    reference: null,
    caution:
      before < tellsRest
        ? 'The original hardly tells what else the forgotten prompts asked for in its own pictures: that figure means little.'
        : null,
    verdicts,
  };
}

/** Below this share of its own pictures the original does not tell what else was asked for. */
const tellsRest = 0.5;

/** How far the first score is ahead of (below) the best of the others. */
export function lead([own = Number.NaN, ...others]: readonly number[]): number {
  return Math.min(...others) - own;
}
