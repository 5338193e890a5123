import type { ConceptSighting, JudgedEvent } from './events.ts';

/** What a check on the way has found, as a sentence. */
export function describeJudged({
  step,
  shown,
  pictures,
  rise,
  concepts = [],
}: JudgedEvent): string {
  const kept = rise > 0 ? `has risen by ${(100 * rise).toFixed(1)} %` : 'has not risen';
  const seen = concepts.map(describeSighting);
  const each = seen.length > 0 ? ` (${seen.join(', ')})` : '';
  return `After step ${step}: ${shown} of ${pictures} pictures of forgotten prompts still show it${each}; the loss on kept ones ${kept}.`;
}

/** What a check saw of one of several concepts. */
export function describeSighting({ name, shown, pictures, isGone }: ConceptSighting): string {
  return isGone ? `${name} gone` : `${name} ${shown} of ${pictures}`;
}
