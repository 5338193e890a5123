import { chooseConcept, contentWords } from './anchors/choose-concept.ts';
import { Neighbours } from './anchors/choose-neighbour.ts';
import { isNudity, parsePrompt } from './anchors/parse-prompt.ts';
import type { ParsedPrompt, Phrase, PhraseWord } from './anchors/phrases.ts';
import { writeAnchor } from './anchors/write-anchor.ts';
import type { PromptStyle } from '../drawing/prompt-style.ts';
import { areTags, mayBeTags } from '../drawing/tags/tag-list.ts';
import { deriveTagAnchors, deriveTagConcept } from './tags/tag-anchors.ts';

/** What else is known where anchors are made. */
export interface AnchorHints {
  /** The concept's words, where the person or a preset names it. */
  readonly concept?: string | undefined;
  /** Kept prompts: what forgotten ones share with them is no part of the concept. */
  readonly retain?: readonly string[];
  /** How the model is asked: a name alone is a tag where it is asked in tags. Default: sentences. */
  readonly style?: PromptStyle | undefined;
}

/** The prompt that is steered to where nothing else is left of a forgotten one. */
const neutralPrompt = 'a photo';

/**
 * A prompt for each forget prompt that says the same without the concept: what its predictions are
 * steered to. `a red star in the style of Pontilla` gives `a red star`, `naked man on a bed` gives
 * `man on a bed`. Where nothing is left but a style, a thing stands in that is kept in the same words:
 * `building, noto style` for `vehicle, noto style`. Where nothing is left and nothing kept stands in,
 * it is `a person` for nudity, `a painting` for a style, or else `a photo`. Lists of tags lose the
 * concept's tags (`deriveTagAnchors`).
 *
 * @returns as many anchors as prompts, none empty
 */
export function deriveAnchors(forgetPrompts: readonly string[], hints: AnchorHints = {}): string[] {
  const isTagged = hints.style === 'tags' ? forgetPrompts.every(mayBeTags) : areTags(forgetPrompts);
  if (isTagged) return deriveTagAnchors(forgetPrompts, hints);
  const prompts = forgetPrompts.map(parsePrompt);
  const taken = chooseWords(prompts, hints);
  const neighbours = new Neighbours((hints.retain ?? []).map(parsePrompt));
  return prompts.map((prompt, i) => {
    const own = new Set(taken[i]);
    const neighbour = showsNothing(prompt, own) ? neighbours.standIn(prompt) : null;
    if (neighbour !== null) return neighbour;
    const anchor = writeAnchor(prompt, own);
    return anchor === '' ? standIn(prompts, taken, taken[i] ?? []) : anchor;
  });
}

/**
 * What the prompts are about: what is taken out of the first of them.
 */
export function deriveConcept(
  forgetPrompts: readonly string[],
  retain: readonly string[] = [],
): string {
  if (areTags(forgetPrompts)) return deriveTagConcept(forgetPrompts, { retain });
  const prompts = forgetPrompts.map(parsePrompt);
  const [first] = prompts;
  const [own = [], ...others] = chooseWords(prompts, { retain });
  const concept = first ? textOf(sharedWords(own, others, first), first) : '';
  return concept === '' ? (forgetPrompts[0] ?? '').trim() : concept;
}

/** Of what is taken out of one prompt what is taken out of most others too: "heart" of "red heart". */
function sharedWords(
  own: readonly PhraseWord[],
  others: readonly (readonly PhraseWord[])[],
  { language }: ParsedPrompt,
): readonly PhraseWord[] {
  const isShared = ({ stem }: PhraseWord) =>
    2 * others.filter((words) => words.some((word) => word.stem === stem)).length > others.length;
  const shared = own.filter(isShared);
  return contentWords(shared, language).length > 0 ? shared : own;
}

/** A concept without the words around its name: `in the style of Pontilla` gives `Pontilla`. */
export function conceptName(concept: string): string {
  const prompt = parsePrompt(concept);
  const words = wordsOf(prompt);
  const meaning = words.findIndex((word) => isMeaning(word, prompt));
  // "The Rock", "Some Name": small words that are written large belong to a name.
  const before = words.slice(0, Math.max(0, meaning));
  const start = meaning - (before.length - 1 - before.findLastIndex((word) => !isCapital(word)));
  const glue = words[start]?.glue.length ?? 0;
  return meaning < 0 ? concept.trim() : withClosing(joined(words.slice(start)).slice(glue).trim());
}

/** `saber \\(fate` with the bracket that is in no word. */
function withClosing(text: string): string {
  const [, escape] = /(\\?)\([^()]*$/.exec(text) ?? [];
  return escape === undefined ? text : `${text}${escape})`;
}

const isCapital = ({ text }: PhraseWord) => /^\p{Lu}\p{Ll}/u.test(text);

/** Whether a prompt speaks of the concept: it holds one of its words of meaning. */
export function mentions(prompt: string, concept: string): boolean {
  const stems = new Set(wordsOf(parsePrompt(prompt)).map(({ stem }) => stem));
  const parsed = parsePrompt(concept);
  return wordsOf(parsed).some((word) => isMeaning(word, parsed) && stems.has(word.stem));
}

function chooseWords(prompts: readonly ParsedPrompt[], { concept, retain = [] }: AnchorHints) {
  const kept = retain.map(parsePrompt).flatMap((prompt) =>
    wordsOf(prompt)
      .filter((word) => isMeaning(word, prompt))
      .map(({ stem }) => stem),
  );
  const named = concept === undefined ? undefined : parsePrompt(concept);
  return chooseConcept(prompts, {
    kept: new Set(kept),
    concept: named ? wordsOf(named).filter((word) => isMeaning(word, named)) : [],
  });
}

/** Whether no more than a style or a kind of picture is left of what was a thing. */
function showsNothing(
  { segments, language }: ParsedPrompt,
  taken: ReadonlySet<PhraseWord>,
): boolean {
  const phrases = segments.flatMap((segment) => segment.phrases);
  const isTaken = ({ words }: Phrase) =>
    words.some((word) => word.part === 'head' && taken.has(word));
  const isStyle = ({ role, words }: Phrase) =>
    role === 'style' ||
    role === 'medium' ||
    words.some(({ norm }) => language.styleNouns.has(norm));
  return (
    phrases.some((phrase) => phrase.role === 'subject' && isTaken(phrase)) &&
    phrases.every((phrase) => isTaken(phrase) || phrase.role === 'quality' || isStyle(phrase))
  );
}

/** What stands for a prompt that was nothing but the concept. */
function standIn(
  prompts: readonly ParsedPrompt[],
  taken: readonly (readonly PhraseWord[])[],
  own: readonly PhraseWord[],
): string {
  if (own.some(isNudity)) return 'a person';
  const roles = prompts.map(
    ({ segments }, i) =>
      segments
        .flatMap(({ phrases }) => phrases)
        .find(({ words }) => words.some((word) => taken[i]?.includes(word)))?.role,
  );
  return roles.includes('style') ? 'a painting' : neutralPrompt;
}

/** Words of praise and of technique left out. */
const wordsOf = ({ segments }: ParsedPrompt): PhraseWord[] =>
  segments.flatMap(({ separator, phrases }) =>
    phrases
      .flatMap(({ role, words }) => (role === 'quality' ? [] : words))
      .map((word, i) => (i > 0 ? word : { ...word, glue: separator + word.glue })),
  );

/** Words that say what is shown, not of what kind the picture is. */
const isMeaning = (word: PhraseWord, { language }: ParsedPrompt) =>
  contentWords([word], language).length > 0 && !language.media.has(word.norm);

const joined = (words: readonly PhraseWord[]) =>
  words.map(({ glue, text }) => glue + text).join('');

function textOf(words: readonly PhraseWord[], { language }: ParsedPrompt): string {
  const start = words.findIndex((word) => contentWords([word], language).length > 0);
  return joined(words.slice(Math.max(0, start))).replace(/^[^\p{L}\p{N}]+/u, '');
}
