import { elementAt } from '../../element-at.ts';
import { chunkPrompt } from '../../tokenizer/prompt-chunks.ts';
import type { PromptEnd } from '../family.ts';
import type { Opened } from './opened.ts';
import { openTokenizers } from './open-tokenizer.ts';

/** A function that finds where prompts end for the first text encoder. */
export async function promptEnds(opened: Opened): Promise<(prompt: string) => PromptEnd> {
  const { tokenizer, frame } = elementAt(await openTokenizers(opened), 0);
  return (prompt) => {
    const chunks = chunkPrompt(prompt, tokenizer, { frame });
    const place = elementAt(chunks, chunks.length - 1).ids.indexOf(frame.endId, 1) - 1;
    return { last: (chunks.length - 1) * frame.length + place, rest: frame.length - place };
  };
}
