import { elementAt } from '../../src/element-at.ts';
import { type Classifiers, question, type Question, type TinyTrait } from './score.ts';

/**
 * Pictures to ask the tiny model for, of all combinations of traits in turn.
 *
 * @param fixed traits that all of them have
 * @param without a trait and the label that none of them has
 */
export function tinyQuestions(
  classifiers: Classifiers,
  { count, firstSeed }: { readonly count: number; readonly firstSeed: number },
  fixed: Partial<Record<TinyTrait, string>>,
  without?: readonly [TinyTrait, string],
): Question[] {
  const choices = (trait: TinyTrait) =>
    fixed[trait] === undefined
      ? classifiers[trait].labels.filter(
          (label) => !(without?.[0] === trait && without[1] === label),
        )
      : [fixed[trait]];
  const combinations = choices('subject').flatMap((subject) =>
    choices('colour').flatMap((colour) =>
      choices('style').map((style) => ({ subject, colour, style })),
    ),
  );
  const step = strideThroughAll(combinations.length);
  return Array.from({ length: count }, (_, i) =>
    question(elementAt(combinations, (i * step) % combinations.length), firstSeed + i),
  );
}

/**
 * A stride that visits all of `length` entries before it comes to one again, and that spreads the first
 * few of them: near the golden section of the length, without a common factor.
 */
function strideThroughAll(length: number): number {
  let stride = Math.max(1, Math.round(0.618 * length));
  while (commonFactor(stride, length) > 1) stride += 1;
  return stride;
}

function commonFactor(a: number, b: number): number {
  return b === 0 ? a : commonFactor(b, a % b);
}
