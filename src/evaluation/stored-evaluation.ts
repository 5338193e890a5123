import { changeQuantity } from './change/quantity.ts';
import type { Evaluation, Headline, PromptVerdicts } from './evaluation.ts';
import type { Figure, Quantity, Verdict } from './figure.ts';
import { givenPicturesQuantity } from './given-pictures/quantity.ts';
import { recognisedQuantity, shownQuantity } from './zero-shot/measures.ts';

/** An evaluation as version 0.1.0 kept it: without figures. */
interface EarlierEvaluation extends Headline {
  readonly forget: Headline['forget'] & { readonly fromGiven?: Distances };
  readonly prompts: readonly (Omit<PromptVerdicts, 'verdicts'> & {
    readonly before: number;
    readonly after: number;
    readonly fromGiven?: Distances;
  })[];
}

interface Distances {
  readonly before: number;
  readonly after: number;
}

/** What a job's events hold. */
export type StoredEvaluation = Evaluation | EarlierEvaluation;

/** An evaluation of any version as one of this. */
export function readEvaluation(stored: StoredEvaluation): Evaluation {
  return 'figures' in stored ? stored : withFigures(stored);
}

function withFigures(earlier: EarlierEvaluation): Evaluation {
  const { forget, retain, unrelatedChange } = earlier;
  const reference =
    unrelatedChange === null
      ? null
      : { value: unrelatedChange, words: 'two different pictures of the original' };
  const forgotten = forget.fromGiven
    ? figure(givenPicturesQuantity(reference), forget.pictures, forget.fromGiven)
    : figure(shownQuantity(forget.pictures, forget.margin), forget.pictures, forget);
  const changed = { before: null, after: retain.change };
  return {
    ...{ forget, retain, unrelatedChange },
    figures: [
      forgotten,
      figure(recognisedQuantity(retain.pictures), retain.pictures, retain),
      figure(changeQuantity(reference), retain.pictures, changed),
    ],
    prompts: earlier.prompts.map(({ role, prompt, anchor, pictures, before, after, fromGiven }) => {
      const shares = { before, after };
      const verdicts: Record<string, Verdict> =
        role === 'retain'
          ? { 'zero-shot.recognised': shares }
          : fromGiven
            ? { 'given-pictures.distance': fromGiven }
            : { 'zero-shot.shown': shares };
      return { role, prompt, anchor, pictures, verdicts };
    }),
  };
}

function figure(quantity: Quantity, pictures: number, { before, after }: Verdict): Figure {
  return { ...quantity, pictures, before, after, intervals: null };
}
