export type Role = 'forget' | 'retain';

/** A picture of both models, judged. */
export interface ComparedPicture {
  readonly role: Role;
  /** Of the prompt within its role, from 0. */
  readonly number: number;
  readonly prompt: string;
  /** As `ZeroShotJudge` gives them, the picture's own prompt first. */
  readonly scoresBefore: readonly number[];
  readonly scoresAfter: readonly number[];
  /** `imageDistance` of the two. */
  readonly change: number;
  readonly fromGiven?: Distances;
}

/**
 * How far the pictures of both models are from the most similar of the given pictures that were to be
 * forgotten themselves: `imageDistance` of thumbnails, 0 to 1.
 */
export interface Distances {
  readonly before: number;
  readonly after: number;
}

/** Shares of pictures, 0 to 1, drawn by the model before and after. */
interface Shares {
  readonly pictures: number;
  /**
   * Forgotten prompts: pictures that still show the concept. Kept prompts: pictures that are
   * recognised as their own prompt.
   */
  readonly before: number;
  readonly after: number;
  /** Mean `imageDistance` of a picture to the one drawn from the same noise before: 0 to 1. */
  readonly change: number;
  /** Means; absent where no pictures were to be forgotten themselves, and for kept prompts. */
  readonly fromGiven?: Distances;
}

interface PromptShares extends Shares {
  readonly role: Role;
  readonly prompt: string;
  /** What a forgotten prompt was told from; null for a kept one. */
  readonly anchor: string | null;
}

/** How much was erased and how much was kept. */
export interface Evaluation {
  readonly forget: Shares & {
    /**
     * How much better, on average, a forget prompt explains the original's own pictures than the
     * best of its anchor and of similar kept prompts: a share of the mean error. Near 0 or below,
     * the original does not know the concept by these words, and the shares say nothing.
     */
    readonly margin: number;
  };
  readonly retain: Shares;
  /** Mean distance of different pictures of the original; null where there is one only. */
  readonly unrelatedChange: number | null;
  readonly prompts: readonly PromptShares[];
}

/**
 * Measured against trained classifiers on 128 pictures each of a style and a subject of tiny-sd, by
 * the original, a scrubbed and, for half of them, a half scrubbed model: 0.3 agreed on .92 and .94;
 * 0.1 on .75 and .91, 0.5 on .84 and .89, 0 on .66 and .91. Held against the anchor alone, the best
 * share was another one for each of the two.
 */
const leadShare = 0.3;

/**
 * What the scores of all pictures mean.
 *
 * A kept picture is recognised if its own prompt explains it best. A forgotten one is not held to
 * zero: what a scrubbed model draws is often like nothing that the original knows, and of wrong
 * prompts the longer one explains it a little better. So it counts as showing the concept if its
 * prompt is ahead of all others by at least three tenths (`leadShare`) of what it is ahead, on
 * average, on the original's own pictures.
 *
 * @param forget in the order of the pictures' numbers
 */
export function summarize(
  pictures: readonly ComparedPicture[],
  forget: readonly { readonly anchor: string }[],
  unrelatedChange: number | null,
): Evaluation {
  const forgotten = pictures.filter(({ role }) => role === 'forget');
  const margin = mean(forgotten.map(({ scoresBefore }) => lead(scoresBefore)));
  const threshold = Math.max(0, leadShare * margin);
  const isRecognised = (role: Role, scores: readonly number[]) =>
    lead(scores) > (role === 'forget' ? threshold : 0);
  const shares = (chosen: readonly ComparedPicture[]): Shares => ({
    pictures: chosen.length,
    before: mean(chosen.map(({ role, scoresBefore }) => Number(isRecognised(role, scoresBefore)))),
    after: mean(chosen.map(({ role, scoresAfter }) => Number(isRecognised(role, scoresAfter)))),
    change: mean(chosen.map(({ change }) => change)),
    ...meanDistances(chosen),
  });
  const firsts = pictures.filter(
    ({ role, number }, i) =>
      pictures.findIndex((other) => other.role === role && other.number === number) === i,
  );
  return {
    forget: { ...shares(forgotten), margin },
    retain: shares(pictures.filter(({ role }) => role === 'retain')),
    unrelatedChange,
    prompts: firsts.map(({ role, number, prompt }) => ({
      role,
      prompt,
      anchor: role === 'forget' ? (forget[number]?.anchor ?? null) : null,
      ...shares(pictures.filter((other) => other.role === role && other.number === number)),
    })),
  };
}

/** How far the first score is ahead of (below) the best of the others. */
function lead([own = Number.NaN, ...others]: readonly number[]): number {
  return Math.min(...others) - own;
}

function meanDistances(pictures: readonly ComparedPicture[]): Pick<Shares, 'fromGiven'> {
  const known = pictures.flatMap(({ fromGiven }) => fromGiven ?? []);
  if (known.length === 0) return {};
  const before = mean(known.map((distances) => distances.before));
  return { fromGiven: { before, after: mean(known.map(({ after }) => after)) } };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
