/** A stretch of a prompt with one weight, or the place where `BREAK` starts a new chunk. */
export type PromptSegment =
  { kind: 'text'; text: string; weight: number } | { kind: 'break'; weight: number };

const ROUND_BRACKET_MULTIPLIER = 1.1;
const SQUARE_BRACKET_MULTIPLIER = 1 / 1.1;

/** An escaped character, a bracket, the end of `(words:1.2)`, or plain text. */
const TOKEN_PATTERN =
  /\\[()[\]\\]|\\|[()[\]]|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|[^\\()[\]:]+|:/gsu;
/** What AUTOMATIC1111 knows a break by. */
const BREAK_WEIGHT = -1;
const BREAK_PATTERN = /\s*(?<![\p{L}\p{N}_])BREAK(?![\p{L}\p{N}_])\s*/u;

/**
 * Reads the emphasis of a prompt as AUTOMATIC1111 does (`parse_prompt_attention` in
 * modules/prompt_parser.py of stable-diffusion-webui 1.10):
 *
 * - `(words)` multiplies the weight by 1.1, `[words]` divides it by 1.1, both nest;
 * - `(words:1.3)` multiplies it by 1.3;
 * - `\(`, `\)`, `\[`, `\]`, `\\` stand for the character itself; any other backslash is dropped;
 * - a bracket that is never closed reaches to the end, one that was never opened is text;
 * - `BREAK`, a word of its own, ends the chunk.
 *
 * - inside brackets it is none: their weight makes it the word "break", weighted the other way.
 *
 * Unlike there, a weight that is no number is text.
 *
 * @returns at least one segment; neighbours with the same weight are merged.
 */
export function parseEmphasis(prompt: string): PromptSegment[] {
  const segments: PromptSegment[] = [];
  const roundBrackets: number[] = [];
  const squareBrackets: number[] = [];
  const multiplyFrom = (start: number, multiplier: number): void => {
    for (const segment of segments.slice(start)) segment.weight *= multiplier;
  };
  const close = (openBrackets: number[], multiplier: number): boolean => {
    const start = openBrackets.pop();
    if (start !== undefined) multiplyFrom(start, multiplier);
    return start !== undefined;
  };

  for (const [token, weight] of prompt.matchAll(TOKEN_PATTERN)) {
    if (token === '(') roundBrackets.push(segments.length);
    else if (token === '[') squareBrackets.push(segments.length);
    else if (token === ')' && close(roundBrackets, ROUND_BRACKET_MULTIPLIER)) continue;
    else if (token === ']' && close(squareBrackets, SQUARE_BRACKET_MULTIPLIER)) continue;
    else if (weight !== undefined && close(roundBrackets, Number(weight))) continue;
    else segments.push(...plainSegments(token));
  }
  for (const start of roundBrackets) multiplyFrom(start, ROUND_BRACKET_MULTIPLIER);
  for (const start of squareBrackets) multiplyFrom(start, SQUARE_BRACKET_MULTIPLIER);
  return mergeEqualWeights(segments.map(asWordWhereWeighted));
}

function plainSegments(token: string): PromptSegment[] {
  if (token.startsWith('\\')) return [{ kind: 'text', text: token.slice(1), weight: 1 }];
  return token
    .split(BREAK_PATTERN)
    .flatMap((text, index): PromptSegment[] => [
      ...(index > 0 ? [{ kind: 'break' as const, weight: BREAK_WEIGHT }] : []),
      { kind: 'text', text, weight: 1 },
    ]);
}

/** A break that brackets gave another weight is none any more. */
function asWordWhereWeighted(segment: PromptSegment): PromptSegment {
  if (segment.kind === 'text' || segment.weight === BREAK_WEIGHT) return segment;
  return { kind: 'text', text: 'BREAK', weight: segment.weight };
}

function mergeEqualWeights(segments: PromptSegment[]): PromptSegment[] {
  const merged: PromptSegment[] = [];
  for (const segment of segments) {
    const last = merged.at(-1);
    if (segment.kind === 'text' && last?.kind === 'text' && last.weight === segment.weight) {
      last.text += segment.text;
    } else merged.push(segment);
  }
  return merged.length > 0 ? merged : [{ kind: 'text', text: '', weight: 1 }];
}
