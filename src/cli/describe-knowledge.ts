import type { KnownPrompt } from '../evaluation/knowledge/ask-knowledge.ts';
import { formatTable } from '../format.ts';

/** What a model knows, a line for each prompt. */
export function describeKnowledge(prompts: readonly KnownPrompt[]): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const table = formatTable([
    ['', 'ahead by', '95 % confidence', 'invented names', ''],
    ...prompts.map(({ prompt, lead, interval: [low, high], names, isKnown }) => [
      ...[prompt, percent(lead), `${percent(low)} to ${percent(high)}`],
      names.map((name) => percent(name.lead)).join(', '),
      isKnown ? 'the model knows it' : 'no more than a name it cannot know',
    ]),
  ]);
  return [
    table,
    'So much better a prompt explains its own pictures to the model than invented names in its place, as a share of the error, and each of those names its own. What the model does not know cannot be erased; what it knows may still go by other words than these.',
  ].join('\n');
}
