import { AppError } from '../errors.ts';

/** A prompt to forget, and what it is steered to where that was said: `a heart => a star`. */
export interface ForgetLine {
  readonly prompt: string;
  readonly anchor: string | undefined;
}

/** What stands between a prompt and its anchor. */
export const forgetArrow = /\s+=>(?:\s+|$)|^=>\s+/;

/**
 * A line of `--forget`, of a preset or of the page: a prompt, or `prompt => anchor`.
 *
 * @throws AppError `prompt.invalid` where one side of the arrow is empty, or there are two arrows
 */
export function parseForgetLine(line: string): ForgetLine {
  const [prompt = '', anchor, ...more] = line.split(forgetArrow).map((side) => side.trim());
  if (anchor === undefined) return { prompt, anchor };
  if (prompt === '' || anchor === '' || more.length > 0) {
    throw new AppError(
      'prompt.invalid',
      `"${line}" is not a prompt to forget with its anchor. Write PROMPT => ANCHOR, both in one or more words, with one arrow.`,
    );
  }
  return { prompt, anchor };
}

/** A prompt with its anchor as `parseForgetLine` reads it. */
export function formatForgetLine({ prompt, anchor }: { prompt: string; anchor: string }): string {
  return `${prompt} => ${anchor}`;
}
