import type { PromptVerdicts } from './evaluation.ts';
import { type Interval, shareInterval } from './interval.ts';

/** How a prompt's pictures fared, by the figure that says most of them. */
export interface PromptResult {
  readonly prompt: PromptVerdicts;
  readonly before: number | null;
  readonly after: number;
  /** Where the true share after lies with a confidence of 95 %; null for a distance. */
  readonly interval: Interval | null;
  /** Whether it is a share or a distance, and in which words. */
  readonly kind: 'share' | 'distance';
  readonly words: 'shows it' | 'recognised' | 'distance';
}

/** The most telling figure of each role, the first that there is. */
const telling = [
  { words: 'distance', kind: 'distance', isId: (id: string) => id === 'given-pictures.distance' },
  { words: 'shows it', kind: 'share', isId: (id: string) => id.startsWith('zero-shot.shown') },
  {
    words: 'recognised',
    kind: 'share',
    isId: (id: string) => id.startsWith('zero-shot.recognised'),
  },
] as const;

/** What is said of one prompt's pictures; null where no figure says anything of them. */
export function resultOf(prompt: PromptVerdicts): PromptResult | null {
  for (const { words, kind, isId } of telling) {
    const verdict = Object.entries(prompt.verdicts).find(([id]) => isId(id))?.[1];
    if (!verdict) continue;
    const { before, after } = verdict;
    return {
      prompt,
      before,
      after,
      interval: kind === 'share' ? intervalOf(after, prompt) : null,
      kind,
      words,
    };
  }
  return null;
}

function intervalOf(share: number, { pictures }: PromptVerdicts): Interval {
  const shown = Math.round(share * pictures);
  return shareInterval(Array.from({ length: pictures }, (_, i) => Number(i < shown)));
}

/**
 * All prompts, those first that came out worst: forgotten ones that still show it (or come nearest to a given
 * picture), kept ones that lost most.
 */
export function worstFirst(prompts: readonly PromptVerdicts[]): PromptResult[] {
  const results = prompts.flatMap((prompt) => resultOf(prompt) ?? []);
  return results.sort((a, b) => badness(b) - badness(a));
}

function badness({ words, before, after }: PromptResult): number {
  if (words === 'shows it') return after;
  if (words === 'recognised') return (before ?? 1) - after;
  return 1 - after;
}
