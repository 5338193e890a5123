/** An object's keys in the order of the text, and the keys that occur twice in one object. */
export interface JsonKeys {
  /** Keys of the outermost object, in the order of the text, repetitions included. */
  readonly topLevel: readonly string[];
  /** The first key found twice in the same object, at any depth. */
  readonly duplicate: string | undefined;
}

/**
 * The keys of a JSON text, which `JSON.parse` cannot tell: it keeps the last of two equal keys, and
 * moves keys that look like array indices to the front.
 *
 * @param text valid JSON (`JSON.parse` has accepted it): only strings and braces are looked at.
 */
export function scanJsonKeys(text: string): JsonKeys {
  const topLevel: string[] = [];
  const enclosing: Set<string>[] = [];
  let duplicate: string | undefined;
  for (let position = 0; position < text.length; position++) {
    const char = text[position];
    if (char === '{') enclosing.push(new Set());
    else if (char === '}') enclosing.pop();
    else if (char === '"') {
      const end = endOfString(text, position);
      if (isKey(text, end)) {
        const key = JSON.parse(text.slice(position, end)) as string;
        const siblings = enclosing.at(-1);
        if (siblings?.has(key)) duplicate ??= key;
        siblings?.add(key);
        if (enclosing.length === 1) topLevel.push(key);
      }
      position = end - 1;
    }
  }
  return { topLevel, duplicate };
}

/** Position after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let position = start + 1;
  while (text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
  return position + 1;
}

/** In valid JSON a string is a key if and only if a colon follows it. */
function isKey(text: string, end: number): boolean {
  let position = end;
  while (/\s/.test(text[position] ?? '')) position++;
  return text[position] === ':';
}
