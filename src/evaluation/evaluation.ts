import { elementAt } from '../element-at.ts';
import {
  figureOf,
  type Figure,
  type Measure,
  meanVerdict,
  type PictureGroup,
  type Role,
  type Verdict,
} from './figure.ts';
import type { EvaluationPicture } from './pictures.ts';

/** How much was erased and how much was kept. */
export interface Evaluation extends Headline {
  readonly figures: readonly Figure[];
  /** Every prompt that was drawn, with what each figure is for its pictures alone. */
  readonly prompts: readonly PromptVerdicts[];
  /** What came out for each of several concepts; left out where there is one. */
  readonly concepts?: readonly ConceptVerdicts[];
  /** The same pictures drawn at another clip skip, where people draw with the model at both. */
  readonly atOtherClipSkip?: { readonly clipSkip: number; readonly figures: readonly Figure[] };
}

/** What most programs want to know: some of the figures by the names that they always had. */
export interface Headline {
  /** Forgotten prompts: the share that still shows the concept, to the original. */
  readonly forget: HeadlineShares & {
    /** How much better a forget prompt explains the original's own pictures than other prompts do. */
    readonly margin: number;
  };
  /** Kept prompts: the share that is recognised as its own prompt. */
  readonly retain: HeadlineShares & {
    /** Mean distance of a picture to the one drawn from the same noise before. */
    readonly change: number;
  };
  /** Mean distance of different pictures of the original; null where there is one only. */
  readonly unrelatedChange: number | null;
}

interface HeadlineShares {
  readonly pictures: number;
  readonly before: number;
  readonly after: number;
}

/** What came out for one of several concepts. */
export interface ConceptVerdicts {
  readonly name: string;
  /** Of its own prompts. */
  readonly forget: VerdictsOfPictures;
  /** Of what was named as its neighbours; null where none of that was drawn. */
  readonly retain: VerdictsOfPictures | null;
}

export interface VerdictsOfPictures {
  readonly pictures: number;
  /** By the id of the figure. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
}

export interface PromptVerdicts {
  readonly role: Role;
  /** Why it was drawn; left out in evaluations of earlier versions, which drew the job's prompts alone. */
  readonly group?: PictureGroup;
  readonly prompt: string;
  /** What a forgotten prompt was told from; null for a kept one. */
  readonly anchor: string | null;
  readonly pictures: number;
  /** By the id of the figure; none of those that say nothing of its pictures. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
}

/**
 * Sums up what all judges said.
 *
 * @param measures each with a verdict for every picture of its group
 */
export function summarize(
  pictures: readonly EvaluationPicture[],
  measures: readonly Measure[],
): Evaluation {
  const figures = measures.map(figureOf);
  return {
    ...headlineOf(figures),
    figures,
    prompts: groupByPrompt(pictures).map((group) => promptVerdicts(group, measures)),
  };
}

function headlineOf(figures: readonly Figure[]): Headline {
  const shown = figureWithId(figures, 'zero-shot.shown');
  const recognised = figureWithId(figures, 'zero-shot.recognised');
  const change = figureWithId(figures, 'change.kept');
  const sharesOf = ({ pictures, before, after }: Figure) => ({
    pictures,
    before: before ?? Number.NaN,
    after,
  });
  return {
    forget: { ...sharesOf(shown), margin: shown.details?.margin ?? Number.NaN },
    retain: { ...sharesOf(recognised), change: change.after },
    unrelatedChange: change.reference?.value ?? null,
  };
}

function figureWithId(figures: readonly Figure[], wanted: string): Figure {
  const figure = figures.find(({ id }) => id === wanted);
  if (!figure) throw new Error(`nobody measured ${wanted}`);
  return figure;
}

interface DrawnPrompt extends Pick<EvaluationPicture, 'role' | 'group' | 'prompt' | 'anchor'> {
  /** Places of its pictures among those of the group. */
  readonly places: number[];
}

function groupByPrompt(pictures: readonly EvaluationPicture[]): DrawnPrompt[] {
  const prompts = new Map<string, DrawnPrompt>();
  const counts = new Map<PictureGroup, number>();
  for (const { role, group, number, prompt, anchor } of pictures) {
    const key = `${group} ${number}`;
    const drawn = prompts.get(key) ?? { role, group, prompt, anchor, places: [] };
    const place = counts.get(group) ?? 0;
    drawn.places.push(place);
    counts.set(group, place + 1);
    prompts.set(key, drawn);
  }
  return [...prompts.values()];
}

function promptVerdicts(
  { places, ...prompt }: DrawnPrompt,
  measures: readonly Measure[],
): PromptVerdicts {
  const ofGroup = measures.filter(({ role, group = role }) => group === prompt.group);
  return {
    ...prompt,
    pictures: places.length,
    verdicts: Object.fromEntries(
      ofGroup.flatMap(({ id, verdicts }) => {
        const own = places.flatMap((place) => elementAt(verdicts, place) ?? []);
        return own.length === 0 ? [] : [[id, meanVerdict(own)]];
      }),
    ),
  };
}
