/** Words of a text, in lower case. */
const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/**
 * The one label whose words stand in a prompt, side by side; null where none does, or several. Of a
 * label with synonyms, as ImageNet's `tench, Tinca tinca`, one is enough.
 */
export function namedLabel(labels: readonly string[], prompt: string): string | null {
  const text = ` ${wordsOf(prompt).join(' ')} `;
  const named = labels.filter((label) =>
    label.split(',').some((synonym) => {
      const words = wordsOf(synonym);
      return words.length > 0 && text.includes(` ${words.join(' ')} `);
    }),
  );
  return named.length === 1 ? (named[0] ?? null) : null;
}
