import { irregularPlurals, type Language, languages } from './lexicon.ts';

/** A word of a prompt and what stands before it. */
export interface Word {
  readonly text: string;
  /** In lower case, for looking it up. */
  readonly norm: string;
  /** For comparison: singular, without accents and endings of gender and case. */
  readonly stem: string;
  /** Separators, brackets and weights since the word before. */
  readonly glue: string;
}

/** A word; `(`, `)`, a weight, an underscore, the hyphen of "Ghibli-style" and a colon are in no word. */
const wordPattern =
  /\b[dl]['’](?=\p{L})|[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}]|['’.&+](?=[\p{L}\p{N}])|-(?!style\b)(?=[\p{L}\p{N}]))*['’]?|&/gu;
/** `:1.3)` of emphasis, and what a web UI reads out of a prompt: `<lora:name:1>`. */
const noWordPattern = /:\s*[\d.]+\s*[)\]]|<[^<>]*>/g;
const eastAsianScript = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const segmenter = new Intl.Segmenter('ja', { granularity: 'word' });

/** The words of a text in their order; those without spaces between as the language divides them. */
export function splitWords(text: string): Word[] {
  const plain = text.normalize('NFC');
  // Same length, so that places stay: what is no word is hidden from the search for words.
  const hidden = plain.replace(noWordPattern, (match) => ' '.repeat(match.length));
  const places = eastAsianScript.test(plain)
    ? [...segmenter.segment(hidden)]
        .filter(({ isWordLike }) => isWordLike)
        .map(({ segment, index }) => [segment, index] as const)
    : [...hidden.matchAll(wordPattern)].map((match) => [match[0], match.index] as const);
  let end = 0;
  return places.map(([word, start]) => {
    const glue = plain.slice(end, start);
    end = start + word.length;
    const norm = word.toLowerCase().replaceAll('’', "'");
    return { text: word, norm, stem: stemOf(norm), glue };
  });
}

/** For comparison: the same for singular and plural, with and without accents. */
function stemOf(norm: string): string {
  const word = norm
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC')
    .replace(/'s$|'$|-/g, '');
  const known = irregularPlurals[word];
  if (known !== undefined) return known;
  if (/[^aeiou]ies$/.test(word) && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(ch|sh|ss|x|zz)es$/.test(word)) return word.slice(0, -2);
  if (/[^sui]s$/.test(word) && word.length > 3) return word.slice(0, -1);
  return word;
}

/** Small words that are part of names. */
export const nameParticles: ReadonlySet<string> = new Set(
  'van von de da di du del la le el der den'.split(' '),
);

export const stemsOf = (words: Iterable<string>): ReadonlySet<string> =>
  new Set([...words].map(stemOf));

/** The language of a prompt, by the words of each that it holds; English where none speaks for another. */
export function languageOf(words: readonly Word[]): Language {
  if (words.some(({ text }) => eastAsianScript.test(text))) return languages.eastAsian;
  const { english, eastAsian: _, ...others } = languages;
  let best: { language: Language; hits: number } = {
    language: english,
    hits: hitsOf(english, words),
  };
  for (const language of Object.values(others)) {
    const hits = hitsOf(language, words);
    if (hits > best.hits) best = { language, hits };
  }
  return best.language;
}

function hitsOf(
  { articles, of, places, companions, media, generic }: Language,
  words: readonly Word[],
): number {
  const sets = [articles, of, places, companions, media, generic];
  const hits = words.filter(({ norm }) => sets.some((set) => set.has(norm)));
  // "Van Gogh" and "Leonardo da Vinci" are no Dutch or Italian prompts.
  return hits.every(({ norm }) => nameParticles.has(norm)) ? 0 : hits.length;
}
