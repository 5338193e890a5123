import type { JudgedEvent } from './events.ts';

/** What a check on the way has found, as a sentence. */
export function describeJudged({ step, shown, pictures, rise }: JudgedEvent): string {
  const kept = rise > 0 ? `has risen by ${(100 * rise).toFixed(1)} %` : 'has not risen';
  return `After step ${step}: ${shown} of ${pictures} pictures of forgotten prompts still show it; the loss on kept ones ${kept}.`;
}
