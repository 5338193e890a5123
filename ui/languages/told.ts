import { computed } from '@preact/signals';

import { dictionary } from './language.ts';

/**
 * A text that the server sent, in the page's language: known by its English wording, as which it stays
 * where it is not known.
 *
 * Of a text with `{places}` what stands there is told too: `of {count} pictures of {prompts} …`. A place
 * whose name begins with `count` is a number.
 */
export function told(text: string): string {
  if (dictionary.value === null) return text;
  const { program, page } = dictionary.value;
  // What the server names of the page is there already.
  const known = program[text] ?? page[text];
  if (known !== undefined) return known;
  for (const { pattern, names, words } of templates.value) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values = new Map(names.map((name, i) => [name, told(found[i + 1] ?? '')]));
    return words.replaceAll(place, (all, name: string) => values.get(name) ?? all);
  }
  return text;
}

const place = /\{(\w+)\}/g;

/** Texts with places, as what finds them. */
const templates = computed(() =>
  Object.entries(dictionary.value?.program ?? {})
    .filter(([text]) => text.search(place) !== -1)
    // The one that says most of a text comes first.
    .sort(([a], [b]) => b.length - a.length)
    .map(([text, words]) => ({
      pattern: new RegExp(`^${text.split(place).map(patternOf).join('')}$`, 's'),
      names: [...text.matchAll(place)].map(([, name = '']) => name),
      words,
    })),
);

/** Of a text that is split at its places every second part is a name. */
function patternOf(part: string, i: number): string {
  if (i % 2 === 0) return part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  return part.startsWith('count') ? String.raw`(\d+)` : '(.+?)';
}
