import type { KnownPrompt } from '../evaluation/knowledge/ask-knowledge.ts';
import { formatTable } from '../format.ts';

/** What a model was found to know. */
export interface Knowledge {
  /** Whose pictures were judged: what the model drew of each name, or those that were given. */
  readonly of: 'drawn' | 'given';
  readonly prompts: readonly KnownPrompt[];
}

const meanings: Readonly<Record<Knowledge['of'], string>> = {
  drawn:
    'So much better a prompt explains its own pictures to the model than invented names in its place, as a share of the error, and each of those names its own. What the model does not know cannot be erased; what it knows may still go by other words than these.',
  given:
    'So much better what is said of the given pictures explains them to the model than invented names in its place, as a share of the error, and so much each of those names. What the model does not know by this name cannot be erased by it; it may know the pictures by other words.',
};

/** What a model knows, a line for each prompt. */
export function describeKnowledge({ of, prompts }: Knowledge): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const table = formatTable([
    ['', 'ahead by', '95 % confidence', 'invented names', ''],
    ...prompts.map(({ prompt, lead, interval: [low, high], names, isKnown }) => [
      ...[prompt, percent(lead), `${percent(low)} to ${percent(high)}`],
      names.map((name) => percent(name.lead)).join(', '),
      isKnown ? 'the model knows it' : 'no more than a name it cannot know',
    ]),
  ]);
  return [table, meanings[of]].join('\n');
}
