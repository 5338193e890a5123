import type { Checkpoint } from '../../families/checkpoint.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import type { PromptEnd } from '../../families/family.ts';
import type { JobPrompts } from '../method.ts';
import type { UceSettings } from './settings.ts';

/** States of tokens and of those whose keys and values they shall have: float32 [n, D] each. */
export interface StatePair {
  readonly from: Float32Array;
  readonly to: Float32Array;
  /** How much the pair counts. */
  readonly scale: number;
}

/**
 * What the edit is made of: each forgotten prompt's states with its anchor's, each kept prompt's with
 * themselves. Of two prompts of different length those are paired that are as far behind the last
 * token.
 *
 * @param width D, entries of a token's state
 */
export async function statePairs(
  checkpoint: Checkpoint,
  { forget, retain, encoded }: JobPrompts,
  { settings, width }: { readonly settings: UceSettings; readonly width: number },
): Promise<StatePair[]> {
  const { eraseScale, preserveScale, tokens } = settings;
  const endOf = await checkpoint.condition.promptEnds();
  const rows = (prompt: string, { last }: PromptEnd, count: number) =>
    requireEncoded(encoded, prompt).context.subarray(last * width, (last + count) * width);
  const pair = (prompt: string, anchor: string, scale: number): StatePair => {
    const [end, anchorEnd] = [endOf(prompt), endOf(anchor)];
    const count = tokens === 'last' ? 1 : Math.min(end.rest, anchorEnd.rest);
    return { from: rows(prompt, end, count), to: rows(anchor, anchorEnd, count), scale };
  };
  const kept = preserveScale === 0 ? [] : retain;
  return [
    ...[...forget].map(([prompt, anchor]) => pair(prompt, anchor, eraseScale)),
    ...kept.map((prompt) => pair(prompt, prompt, preserveScale)),
  ];
}
