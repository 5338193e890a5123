import { isExplicit, isFunction, isOccupation, isPosture, isScene } from './parse-prompt.ts';
import type { ParsedPrompt, Phrase, PhraseWord } from './phrases.ts';
import type { Language } from './lexicon.ts';
import type { Word } from './words.ts';

/** Words of a phrase that may be the concept: the phrase itself, or what describes its noun. */
interface Part {
  readonly phrase: Phrase;
  readonly words: readonly PhraseWord[];
  /** How likely it is what the prompt is about; 0: context. */
  readonly strength: number;
}

/** What a person says beside the prompts to forget. */
export interface ConceptHints {
  /** Stems of the words of meaning in kept prompts: what they share with forgotten ones is context. */
  readonly kept: ReadonlySet<string>;
  /** The concept's words, where it was named. */
  readonly concept: readonly Word[];
}

/** How likely the concept is a phrase of each kind, where nothing else speaks for one. */
const strengths = {
  explicit: 100,
  style: 40,
  subject: 30,
  description: 25,
  attribute: 20,
  occupation: 15,
  descriptionOfMedium: 12,
  place: 10,
  someStyle: 8,
  generic: 6,
  common: 5,
  medium: 4,
  posture: 3,
  quality: 1,
} as const;
/** For a phrase that does in its prompt what the concept does in the others. */
const sameRoleBonus = 15;

/**
 * The words of each prompt that are the concept. What kept prompts have too is context. Of the rest
 * it is what the prompts share, or what one of them consists of; in prompts that have neither, the
 * phrase that does there what the concept does in the others, or else what prompts are most often
 * about: an explicit word, a style by its name, a thing, what describes a person.
 *
 * @returns for each prompt the words to take out, in their order
 */
export function chooseConcept(
  prompts: readonly ParsedPrompt[],
  hints: ConceptHints,
): PhraseWord[][] {
  const kept = withoutForgotten(hints.kept, prompts);
  const parts = withoutSharedStyles(prompts.map((prompt) => partsOf(prompt, kept)));
  const name = new Set(hints.concept.map(({ stem }) => stem));
  const named: Core = new Map([...name].map((stem) => [stem, name]));
  const core = findCore(prompts, parts);
  const matching = parts.map((own) => {
    const found = namedParts(matchingParts(own, named, true), hints.concept);
    return found.length > 0 ? found : matchingParts(own, core, false);
  });
  const role = mostCommon(matching.flatMap((own) => own.map(({ phrase }) => phrase.role)));
  return parts.map((own, i) => {
    const matched = matching[i] ?? [];
    const chosen = matched.length > 0 ? matched : strongest(own, role);
    return chosen.flatMap(({ words }) => words);
  });
}

const relatives = new Set(['that', 'who', 'which', 'qui', 'que', 'dont', 'che']);
const negations = new Set([
  'without',
  'no',
  'ohne',
  'zonder',
  'sans',
  'sin',
  'senza',
  'sem',
  'без',
]);

export const contentWords = (words: readonly PhraseWord[], language: Language) =>
  words.filter(
    (word) =>
      word.part !== 'lead' &&
      word.part !== 'article' &&
      !isFunction(word, language) &&
      !language.styleNouns.has(word.norm),
  );

/**
 * Words of kept prompts that are context: where a forgotten prompt shows kept words alone, as
 * "a photo of a heart" beside the kept "two hearts", these are what is forgotten, in the other prompts too.
 */
function withoutForgotten(
  kept: ReadonlySet<string>,
  prompts: readonly ParsedPrompt[],
): ReadonlySet<string> {
  const onlyKept = prompts.filter((prompt) =>
    partsOf(prompt, kept).every(({ strength }) => strength <= strengths.medium),
  );
  const forgotten = new Set(
    onlyKept.flatMap((prompt) =>
      partsOf(prompt, new Set()).flatMap(({ words }) =>
        tellingWords(words, prompt.language).map(({ stem }) => stem),
      ),
    ),
  );
  return new Set([...kept].filter((stem) => !forgotten.has(stem)));
}

function partsOf({ segments, language }: ParsedPrompt, kept: ReadonlySet<string>): Part[] {
  return segments.flatMap(({ phrases }) =>
    phrases.flatMap((phrase) => phraseParts(phrase, language, kept)),
  );
}

function phraseParts(phrase: Phrase, language: Language, kept: ReadonlySet<string>): Part[] {
  const content = contentWords(phrase.words, language);
  const head = content.findLast(({ part }) => part === 'head') ?? content.at(-1);
  if (!head) return [];
  // "without clothes" is not what "wearing clothes" is.
  const isNegated = phrase.words.some(({ norm }) => negations.has(norm));
  const isKept = ({ stem }: Word) => !isNegated && kept.has(stem);
  const isHeadKept = isKept(head);
  const strength = isHeadKept ? 0 : strengthOf(phrase, head, language);
  const whole: Part = { phrase, words: phrase.words, strength };
  const modifiers = content.filter(({ part }) => part === 'modifier');
  const words = describingWords(modifiers, { phrase, head, isKept }, language);
  if (words.length === 0) return [whole];
  const described = { phrase, head, isHeadKept };
  return [{ phrase, words, strength: describingStrength(words, described, language) }, whole];
}

/** Words that may be the concept without the noun that they describe. */
function describingWords(
  modifiers: readonly PhraseWord[],
  { phrase, head, isKept }: { phrase: Phrase; head: Word; isKept: (word: Word) => boolean },
  { generic }: Language,
): PhraseWord[] {
  if (phrase.role === 'style' || phrase.role === 'quality') return [];
  const explicit = isExplicit(head) ? [] : modifiers.filter(isExplicit);
  if (explicit.length > 0) return explicit;
  const isNoConcept = isKept(head) || generic.has(head.norm) || phrase.role === 'medium';
  return isNoConcept ? modifiers.filter((word) => !isKept(word)) : [];
}

function strengthOf(phrase: Phrase, head: PhraseWord, language: Language): number {
  const { role, words } = phrase;
  if (role !== 'style' && isExplicit(head)) return strengths.explicit;
  // A character as tag lists write it: "hatsune miku (vocaloid)".
  if (words.some(({ glue }) => /[\s_]\\?\($/.test(glue))) return strengths.style;
  if (role !== 'subject' && role !== 'attribute') return strengths[role];
  const leads = role === 'attribute';
  if (words.some((word) => (leads || word.part !== 'lead') && isPosture(word))) {
    return strengths.posture;
  }
  if (language.generic.has(head.norm)) return strengths.generic;
  return role === 'attribute' ? strengths.attribute : thingStrength(head, language);
}

function thingStrength(head: Word, { common }: Language): number {
  if (isOccupation(head)) return strengths.occupation;
  if (isScene(head)) return strengths.place;
  return common.has(head.norm) ? strengths.common : strengths.subject;
}

function describingStrength(
  words: readonly PhraseWord[],
  { phrase, head, isHeadKept }: { phrase: Phrase; head: Word; isHeadKept: boolean },
  language: Language,
): number {
  const { role } = phrase;
  if (words.some(isExplicit)) return strengths.explicit;
  if (isHeadKept && role !== 'medium') return strengths.subject;
  const isCommon = words.every((word) => language.common.has(word.norm) || isPosture(word));
  if (isCommon) return strengths.common;
  if (role !== 'medium') return strengths.description;
  // "an oil painting" is a look; "a product photo" says how nearly any picture was taken.
  return isPhotographic(head) ? strengths.place : strengths.descriptionOfMedium;
}

const isPhotographic = ({ stem }: Word) =>
  /^(photo|photograph|picture|image|shot|foto)$/.test(stem);

/**
 * Where several styles come back with one thing after the other, they are the scene of what is
 * forgotten: "vehicle, noto style", "vehicle, clay style", "taxi, noto style".
 */
function withoutSharedStyles(parts: readonly Part[][]): Part[][] {
  const text = (own: readonly Part[], role: string) =>
    own
      .filter(({ phrase, strength }) => phrase.role === role && strength > strengths.generic)
      .flatMap(({ words }) => words.map(({ stem }) => stem))
      .join(' ');
  const pairs = parts.map((own) => [text(own, 'style'), text(own, 'subject')] as const);
  const whole = pairs.filter(([style, subject]) => style !== '' && subject !== '');
  const partners = (from: 0 | 1, to: 0 | 1) => {
    const values = new Set(whole.map((pair) => pair[from]));
    const distinct = new Set(whole.map((pair) => `${pair[from]}\n${pair[to]}`));
    return { values: values.size, mean: distinct.size / values.size };
  };
  const styles = partners(0, 1);
  const isScene = styles.values > 1 && styles.mean > partners(1, 0).mean;
  if (!isScene) return [...parts.map((own) => [...own])];
  return parts.map((own) =>
    own.map((part) =>
      part.phrase.role === 'style'
        ? { ...part, strength: Math.min(part.strength, strengths.someStyle) }
        : part,
    ),
  );
}

/** Stems of what the prompts share, with the words of the names that they stand in. */
type Core = ReadonlyMap<string, ReadonlySet<string>>;

/** What the prompts share; of those that do not share it, what some of them consist of. */
function findCore(prompts: readonly ParsedPrompt[], parts: readonly Part[][]): Core {
  const shared = new Set(sharedStems(prompts, parts));
  const alone = parts.map((own, i) => aloneStems(own, prompts[i]?.language));
  const core = new Map<string, ReadonlySet<string>>([...shared].map((stem) => [stem, shared]));
  const isStrict = alone.some((own) => own.isStrict && own.heads.length > 0);
  for (const own of alone) {
    if (isStrict && !own.isStrict) continue;
    const all = new Set(own.stems);
    const known = own.stems.filter((stem) => shared.has(stem));
    for (const stem of known.length > 0 ? known : own.heads) core.set(stem, all);
  }
  return core;
}

function sharedStems(prompts: readonly ParsedPrompt[], parts: readonly Part[][]): string[] {
  const shared = new Map<string, { prompts: number; strength: number }>();
  for (const [i, own] of parts.entries()) {
    const language = prompts[i]?.language;
    const seen = new Map<string, number>();
    for (const { phrase, words, strength } of own) {
      // What many things are seen on is their place.
      if (strength <= strengths.place || phrase.role === 'place') continue;
      for (const { stem } of tellingWords(words, language)) {
        seen.set(stem, Math.max(seen.get(stem) ?? 0, strength));
      }
    }
    for (const [stem, strength] of seen) {
      const known = shared.get(stem) ?? { prompts: 0, strength: 0 };
      const strongest = Math.max(known.strength, strength);
      shared.set(stem, { prompts: known.prompts + 1, strength: strongest });
    }
  }
  const enough = Math.max(2, Math.floor(parts.length / 2) + 1);
  const common = [...shared].filter(([, known]) => known.prompts >= enough);
  const best = Math.max(0, ...common.map(([, { strength }]) => strength));
  return common.filter(([, { strength }]) => strength === best).map(([stem]) => stem);
}

/** What a prompt consists of beside context; strictly, if it does not even say a kind of picture. */
function aloneStems(parts: readonly Part[], language: Language | undefined) {
  const possible = parts.filter(
    ({ strength, phrase }) => strength > 0 && phrase.role !== 'quality',
  );
  const phrases = new Set(possible.map(({ phrase }) => phrase));
  // "a photo" says nothing beside "of a heart", but "a Pixar still" does.
  const isPlain = (phrase: Phrase) =>
    phrase.role === 'medium' &&
    !possible.some((part) => part.phrase === phrase && part.strength > strengths.place);
  const others = [...phrases].filter((phrase) => !isPlain(phrase));
  const [part] = others.length <= 1 ? strongest(possible, null) : [];
  const words = part ? tellingWords(part.words, language) : [];
  const heads = words.filter(({ part: place }) => place === 'head');
  const stemsOf = (some: readonly PhraseWord[]) => some.map(({ stem }) => stem);
  return {
    stems: part && language ? stemsOf(contentWords(part.words, language)) : [],
    heads: stemsOf(heads.length > 0 ? heads : words),
    isStrict: phrases.size === 1,
  };
}

const tellingWords = (words: readonly PhraseWord[], language: Language | undefined) =>
  language === undefined
    ? []
    : contentWords(words, language).filter((word) => isTelling(word, language));

/** Whether a word can be a concept by itself. */
function isTelling(word: Word, { generic, common, media }: Language): boolean {
  const { norm } = word;
  return !generic.has(norm) && !common.has(norm) && !media.has(norm) && !isPosture(word);
}

/** Parts that hold a word of the core, as little of each phrase as possible, and what is explicit. */
function matchingParts(parts: readonly Part[], core: Core, isNamed: boolean): Part[] {
  const found: Part[] = [];
  for (const part of parts) {
    if (part.strength === 0 && !isNamed) continue;
    // What describes comes before the phrase that it is part of.
    if (found.some(({ phrase }) => phrase === part.phrase)) continue;
    const matched = part.words.filter(
      ({ stem, part: place }) => place !== 'lead' && core.has(stem),
    );
    // Nothing sensible is left of "who smokes a cigarette" without its last word.
    const isClause = matched.length > 0 && part.words.some(({ norm }) => relatives.has(norm));
    const isWhole = isClause || matched.some(({ part: place }) => place === 'head');
    if (isWhole) found.push({ ...part, words: part.phrase.words });
    else if (matched.length > 0)
      found.push({ ...part, words: withNames(part.words, matched, core) });
    else if (!isNamed && part.strength === strengths.explicit) found.push(part);
  }
  return found;
}

/** "Studio Ghibli", where "Ghibli" is the core and was seen in this name. */
function withNames(words: readonly PhraseWord[], matched: readonly PhraseWord[], core: Core) {
  const names = new Set(matched.flatMap(({ stem }) => [...(core.get(stem) ?? [])]));
  return words.filter((word) => word.part === 'modifier' && names.has(word.stem));
}

/** Of the parts with a word of the named concept those that have the most. */
function namedParts(parts: readonly Part[], concept: readonly Word[]): Part[] {
  const stems = concept.map(({ stem }) => stem);
  const count = ({ words }: Part) =>
    stems.filter((stem) => words.some((word) => word.stem === stem)).length;
  const most = Math.max(0, ...parts.map(count));
  return parts.filter((part) => count(part) === most);
}

function strongest(parts: readonly Part[], role: string | null): Part[] {
  const strength = (part: Part) =>
    part.strength +
    (part.strength >= strengths.attribute && part.phrase.role === role ? sameRoleBonus : 0);
  const best = Math.max(0, ...parts.map(strength));
  return parts.filter((part) => strength(part) === best).slice(0, 1);
}

function mostCommon(values: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}
