import { articleFor } from './fill-template.ts';

/** The prompt that is steered to where nothing else is left of a forgotten one. */
const neutralPrompt = 'a photo';

const articles = new Set(['a', 'an', 'the']);
const prepositions = new Set(
  'of in on at by with from for to into onto over under and or as like'.split(' '),
);
/** Words that say of what kind a picture is, not what it shows. */
const genericWords = new Set(
  'photo photograph picture image painting drawing illustration portrait style'.split(' '),
);

const isFunctionWord = (word: string) => articles.has(word) || prepositions.has(word);
const isContentWord = (word: string) => !isFunctionWord(word) && !genericWords.has(word);

/**
 * A prompt for each forget prompt that says the same without the concept: what its predictions are
 * steered to. `a red star in the style of Pontilla` gives `a red star`; a prompt that is nothing
 * but the concept, or does not name it, gives `a photo`.
 *
 * @param concept the words to take out. Default: the longest run of words that the prompts share.
 * @returns as many anchors as prompts, none empty
 */
export function deriveAnchors(forgetPrompts: readonly string[], concept?: string): string[] {
  const words = splitWords(concept ?? deriveConcept(forgetPrompts)).map(normalize);
  return forgetPrompts.map((prompt) => removeWords(splitWords(prompt), words));
}

/**
 * What the prompts are about: the longest run of words that all of them share, runs with more
 * words of meaning first (`heart` before `a photo of a`); a single prompt is its own concept. Where
 * they share nothing, the first prompt.
 */
export function deriveConcept(forgetPrompts: readonly string[]): string {
  const [first = '', ...others] = forgetPrompts;
  if (others.length === 0) return first.trim();
  const words = splitWords(first);
  const normalized = words.map(normalize);
  const otherWords = others.map((prompt) => splitWords(prompt).map(normalize));

  let best = { start: 0, end: 0, contentWords: 0 };
  for (let start = 0; start < words.length; start++) {
    for (let end = start + 1; end <= words.length; end++) {
      const run = normalized.slice(start, end);
      if (!otherWords.every((other) => findRun(other, run) >= 0)) break;
      const contentWords = run.filter(isContentWord).length;
      const isBetter =
        contentWords > best.contentWords ||
        (contentWords > 0 &&
          contentWords === best.contentWords &&
          end - start > best.end - best.start);
      if (isBetter) best = { start, end, contentWords };
    }
  }
  return trimSeparators(words.slice(best.start, best.end).join(' ')) || first.trim();
}

/** A concept without the words around its name: `in the style of Pontilla` gives `Pontilla`. */
export function conceptName(concept: string): string {
  const words = splitWords(concept);
  const start = words.findIndex((word) => isContentWord(normalize(word)));
  return trimSeparators(words.slice(Math.max(0, start)).join(' ')) || concept.trim();
}

/** Whether a prompt speaks of the concept: it holds one of its words of meaning. */
export function mentions(prompt: string, concept: string): boolean {
  const words = new Set(splitWords(prompt).map(normalize));
  return splitWords(concept)
    .map(normalize)
    .some((word) => isContentWord(word) && words.has(word));
}

function removeWords(words: readonly string[], run: readonly string[]): string {
  const start = findRun(words.map(normalize), run);
  if (start < 0) return neutralPrompt;
  const before = dropTrailingFunctionWords(words.slice(0, start));
  const after = words.slice(start + run.length);
  const [firstAfter = ''] = after;
  if (!before.some((word) => !articles.has(normalize(word)))) {
    if (after.length === 0) return neutralPrompt;
    // "a heart on a beach": something must stand before what is left.
    if (prepositions.has(normalize(firstAfter))) {
      return `${isAboutStyle(after) ? 'a painting' : neutralPrompt} ${trimSeparators(after.join(' '))}`;
    }
  }
  if (/[,;.:]$/.test(words[start + run.length - 1] ?? '')) {
    return trimSeparators(`${before.join(' ')}, ${after.join(' ')}`) || neutralPrompt;
  }
  // What stands before the concept belongs to the noun after it: "a (nude) woman".
  const kept = isFollowedByNoun(after) ? fitArticle(words.slice(0, start), firstAfter) : before;
  return trimSeparators([...kept, ...after].join(' ')) || neutralPrompt;
}

/** "in the style of" without a name says nothing either. */
function isDangling(word: string): boolean {
  return isFunctionWord(word) || word === 'style';
}

function isFollowedByNoun([next = '']: readonly string[]): boolean {
  return /^[\p{Letter}\p{Number}]/u.test(next) && !isFunctionWord(normalize(next));
}

/** "an (oil) painting": an article at the end must fit the word that now follows it. */
function fitArticle(words: readonly string[], next: string): string[] {
  const last = words.at(-1);
  return last === 'a' || last === 'an' ? [...words.slice(0, -1), articleFor(next)] : [...words];
}

function isAboutStyle(words: readonly string[]): boolean {
  return /^(in the style of|by)\b/i.test(words.join(' '));
}

function dropTrailingFunctionWords(words: readonly string[]): string[] {
  const end = words.findLastIndex((word) => !isDangling(normalize(word)));
  return words.slice(0, end + 1);
}

/** Where `run` stands in `words`, -1 if nowhere or empty. */
function findRun(words: readonly string[], run: readonly string[]): number {
  if (run.length === 0) return -1;
  return words.findIndex((_, start) => run.every((word, i) => words[start + i] === word));
}

function splitWords(prompt: string): string[] {
  return prompt.split(/\s+/).filter((word) => word !== '');
}

/** For comparison: lower case, without the punctuation around it. */
function normalize(word: string): string {
  return word
    .normalize('NFC')
    .toLowerCase()
    .replace(/^[^\p{Letter}\p{Number}]+|[^\p{Letter}\p{Number}]+$/gu, '');
}

function trimSeparators(prompt: string): string {
  return prompt
    .replace(/(\s*,)+/g, ',')
    .replace(/^[\s,.;:]+|[\s,.;:]+$/g, '')
    .replace(/\s+/g, ' ');
}
