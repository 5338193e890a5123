import { classPrompt, readClass } from '../families/class-prompts.ts';
import type { Asks } from '../families/family.ts';
import type { Suggestions } from './suggestions.ts';

/** More classes than a person looks through are not listed. */
const MAX_LISTED = 100;

/** What could be kept and steered to of a model that is asked by classes: all other classes; nothing of others. */
export function suggestClasses(
  asks: Exclude<Asks, { kind: 'words' }>,
  forget: readonly string[],
): Suggestions {
  const classes = asks.kind === 'classes' ? (asks.count ?? 0) : 0;
  const forgotten = forget.map(readClass);
  const others = Array.from({ length: classes }, (_, label) => label)
    .filter((label) => !forgotten.includes(label))
    .slice(0, MAX_LISTED)
    .map(classPrompt);
  const [first = ''] = others;
  return {
    concept: forget.join(' and '),
    forget: [],
    anchors: forget.map(() => first),
    retain: others,
  };
}
