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
  const asked: Question[] = [];
  for (const traits of combinations(classifiers, fixed, without)) {
    if (asked.length === count) break;
    asked.push(question(traits, firstSeed + asked.length));
  }
  return asked;
}

function* combinations(
  classifiers: Classifiers,
  fixed: Partial<Record<TinyTrait, string>>,
  without: readonly [TinyTrait, string] | undefined,
) {
  const choices = (trait: TinyTrait) =>
    fixed[trait] === undefined
      ? classifiers[trait].labels.filter(
          (label) => !(without?.[0] === trait && without[1] === label),
        )
      : [fixed[trait]];
  const [subjects, colours, styles] = [choices('subject'), choices('colour'), choices('style')];
  const at = (list: readonly string[], i: number) => list[i % list.length] ?? '';
  for (let i = 0; ; i++) {
    // Steps that share no factor with the lists, so that all combinations come up.
    yield {
      subject: at(subjects, i),
      colour: at(colours, 3 * i + Math.floor(i / subjects.length)),
      style: at(styles, 5 * i + Math.floor(i / 7)),
    };
  }
}
