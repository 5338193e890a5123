/** A place in a prompt that is not one text: a web UI puts one of several there. */
export interface PromptChoice {
  /**
   * `alternate`: another in each step, `[a|b]`; `schedule`: another from a step on, `[a:b:0.5]`;
   * `random`: another for each picture, `{a|b}`.
   */
  readonly kind: 'alternate' | 'schedule' | 'random';
  /** As it stands in the prompt. */
  readonly source: string;
  /** The prompt with each of them in its place, the same ones once. */
  readonly variants: readonly string[];
}

interface OpenBracket {
  readonly bracket: string;
  readonly start: number;
  /** Where `|` and `:` stand in it, brackets within passed over. */
  readonly bars: number[];
  readonly colons: number[];
}

const closers: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };

/**
 * The first choice of a prompt, as AUTOMATIC1111 (`schedule_parser` of modules/prompt_parser.py) and
 * the extensions for dynamic prompts read it; null where it has none. Escaped brackets are text.
 */
export function findChoice(prompt: string): PromptChoice | null {
  const open: OpenBracket[] = [];
  for (const { 0: mark, index } of prompt.matchAll(/\\.|[()[\]{}|:]/gsu)) {
    if ('([{'.includes(mark)) open.push({ bracket: mark, start: index, bars: [], colons: [] });
    else if (mark === '|') open.at(-1)?.bars.push(index);
    else if (mark === ':') open.at(-1)?.colons.push(index);
    else if (open.at(-1)?.bracket === closers[mark]) {
      const own = open.pop();
      const choice = own && choiceOf(prompt, own, index);
      if (choice) return choice;
    }
  }
  return null;
}

function choiceOf(
  prompt: string,
  { bracket, start, bars, colons }: OpenBracket,
  end: number,
): PromptChoice | null {
  const parts = (marks: readonly number[]) =>
    [start, ...marks].map((mark, i) => prompt.slice(mark + 1, marks[i] ?? end).trim());
  const found =
    bracket === '{'
      ? randomOptions(parts(bars))
      : bracket === '['
        ? changingOptions(parts(bars), parts(colons))
        : null;
  if (!found?.options.some((option) => /[\p{L}\p{S}]/u.test(option))) return null;
  const [before, after] = [prompt.slice(0, start), prompt.slice(end + 1)];
  const variants = new Set(found.options.map((option) => tidy(before + option + after)));
  variants.delete('');
  return { kind: found.kind, source: prompt.slice(start, end + 1), variants: [...variants] };
}

type Options = Pick<PromptChoice, 'kind'> & { readonly options: readonly string[] };

function changingOptions(
  alternatives: readonly string[],
  parts: readonly string[],
): Options | null {
  if (alternatives.length > 1) return { kind: 'alternate', options: alternatives };
  const [first = '', ...others] = parts;
  const when = others.pop() ?? '';
  if (others.length > 1 || !/^[+-]?(\d+\.?\d*|\.\d+)$/.test(when)) return null;
  // `[a:5]` is nothing before it.
  return { kind: 'schedule', options: others.length === 0 ? ['', first] : [first, ...others] };
}

/** `{2$$a|b}` takes two, `{2$$ and $$a|b}` with words between, `{0.5::a|b}` one of them more often. */
function randomOptions(parts: readonly string[]): Options | null {
  if (parts.length < 2 && !parts.some((part) => part.includes('$$'))) return null;
  return { kind: 'random', options: parts.map((part) => part.replace(/^.*\$\$|^[\d.]+::/s, '')) };
}

function tidy(prompt: string): string {
  return prompt
    .replace(/\s+/g, ' ')
    .replace(/\s+(?=[,.;])/g, '')
    .replace(/^[\s,]+|[\s,]+$/g, '');
}
