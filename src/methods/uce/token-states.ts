import { elementAt } from '../../element-at.ts';
import type { Checkpoint } from '../../families/checkpoint.ts';
import { requireEncoded } from '../../families/encoded-prompt.ts';
import { openTokenizers } from '../../families/stable-diffusion/open-tokenizer.ts';
import { chunkPrompt } from '../../tokenizer/prompt-chunks.ts';
import type { JobPrompts } from '../method.ts';
import type { UceSettings } from './settings.ts';

/** States of tokens and of those whose keys and values they shall have: float32 [n, D] each. */
export interface StatePair {
  readonly from: Float32Array;
  readonly to: Float32Array;
  /** How much the pair counts. */
  readonly scale: number;
}

/** Where a prompt's own tokens end in its context, which may have chunks behind it. */
interface PromptEnd {
  /** The last token's row; that of the start token where the prompt is empty. */
  readonly last: number;
  /** Rows from there to the end of its chunk. */
  readonly rest: number;
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
  const endOf = await promptEnds(checkpoint);
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

/** A function that finds where prompts end for the first text encoder; others cut them alike. */
async function promptEnds(checkpoint: Checkpoint): Promise<(prompt: string) => PromptEnd> {
  const { tokenizer, frame } = elementAt(await openTokenizers(checkpoint), 0);
  return (prompt) => {
    const chunks = chunkPrompt(prompt, tokenizer, { frame });
    const place = elementAt(chunks, chunks.length - 1).ids.indexOf(frame.endId, 1) - 1;
    return { last: (chunks.length - 1) * frame.length + place, rest: frame.length - place };
  };
}
