import { elementAt } from '../element-at.ts';
import {
  figureOf,
  type Figure,
  type Measure,
  meanVerdict,
  type Role,
  type Verdict,
} from './figure.ts';
import type { EvaluationPicture } from './pictures.ts';

/** How much was erased and how much was kept. */
export interface Evaluation extends Headline {
  readonly figures: readonly Figure[];
  /** Every prompt that was drawn, with what each figure is for its pictures alone. */
  readonly prompts: readonly PromptVerdicts[];
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

export interface PromptVerdicts {
  readonly role: Role;
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
 * @param measures each with a verdict for every picture of its role
 * @param forget in the order of the pictures' numbers
 */
export function summarize(
  pictures: readonly EvaluationPicture[],
  measures: readonly Measure[],
  forget: readonly { readonly anchor: string }[],
): Evaluation {
  const figures = measures.map(figureOf);
  return {
    ...headlineOf(figures),
    figures,
    prompts: groupByPrompt(pictures).map((group) => promptVerdicts(group, measures, forget)),
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

interface PromptGroup extends Pick<EvaluationPicture, 'role' | 'number' | 'prompt'> {
  /** Places of its pictures among those of the role. */
  readonly places: number[];
}

function groupByPrompt(pictures: readonly EvaluationPicture[]): PromptGroup[] {
  const groups = new Map<string, PromptGroup>();
  const count: Record<Role, number> = { forget: 0, retain: 0 };
  for (const { role, number, prompt } of pictures) {
    const key = `${role} ${number}`;
    const group = groups.get(key) ?? { role, number, prompt, places: [] };
    group.places.push(count[role]);
    count[role] += 1;
    groups.set(key, group);
  }
  return [...groups.values()];
}

function promptVerdicts(
  { role, number, prompt, places }: PromptGroup,
  measures: readonly Measure[],
  forget: readonly { readonly anchor: string }[],
): PromptVerdicts {
  const ofRole = measures.filter((measure) => measure.role === role);
  return {
    role,
    prompt,
    anchor: role === 'forget' ? elementAt(forget, number).anchor : null,
    pictures: places.length,
    verdicts: Object.fromEntries(
      ofRole.flatMap(({ id, verdicts }) => {
        const own = places.flatMap((place) => elementAt(verdicts, place) ?? []);
        return own.length === 0 ? [] : [[id, meanVerdict(own)]];
      }),
    ),
  };
}
